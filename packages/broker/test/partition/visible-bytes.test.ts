import fc from 'fast-check';
import { expect, test } from 'vitest';
import { VisibleBytes } from '../../src/partition/visible-bytes.js';

test('counts each append once, when the high watermark has passed all of it', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('append' as const), records: fc.integer({ min: 1, max: 5 }), bytes: fc.nat(100) }),
    fc.record({ kind: fc.constant('advance' as const), by: fc.nat(8) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 3000 }), (steps) => {
      const visible = new VisibleBytes();
      const appends: { end: number; bytes: number }[] = [];
      let [end, highWatermark, seen] = [0, 0, 0];
      for (const one of steps) {
        if (one.kind === 'append') {
          end += one.records;
          appends.push({ end, bytes: one.bytes });
          visible.append(end, one.bytes);
        } else {
          highWatermark = Math.min(end, highWatermark + one.by);
          seen += visible.advance(highWatermark);
        }
      }
      const sum = (some: typeof appends): number => some.reduce((total, { bytes }) => total + bytes, 0);
      expect(seen).toBe(sum(appends.filter((append) => append.end <= highWatermark)));
      expect(visible.total).toBe(seen);
      expect(visible.appended).toBe(sum(appends));
    }),
    { numRuns: 50 },
  );
});

test('what was not readable when the log was cut is never counted', () => {
  const visible = new VisibleBytes();
  visible.append(5, 100);
  visible.forgetUncommitted();
  visible.append(4, 10);
  expect(visible.advance(4)).toBe(10);
});
