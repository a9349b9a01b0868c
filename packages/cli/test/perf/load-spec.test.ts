import fc from 'fast-check';
import { expect, test } from 'vitest';
import { loadSpec, parseSpec, shareOf } from '../../src/perf/load-spec.js';

const parse = (value: unknown) => parseSpec(loadSpec, value, 'the load');

test('the processes of a load together write what the load says, whatever the numbers', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 64 }),
      fc.integer({ min: 64, max: 1_000_000 }),
      fc.integer({ min: 0, max: 10_000 }),
      fc.integer({ min: 0, max: 100_000 }),
      (processes, records, warmupRecords, rate) => {
        const spec = parse({ kind: 'produce', processes, records, warmupRecords, rate });
        const sums = { records: 0, warmupRecords: 0, rate: 0 };
        for (let index = 0; index < processes; index += 1) {
          const share = shareOf(spec, index);
          if (share.kind !== 'produce') throw new Error('a share is of the same kind');
          sums.records += share.records ?? NaN;
          sums.warmupRecords += share.warmupRecords;
          sums.rate += share.rate;
        }
        expect(sums.records).toBe(records);
        expect(sums.warmupRecords).toBe(warmupRecords);
        expect(sums.rate).toBeCloseTo(rate, 3);
      },
    ),
  );
});

test('each reader of a load reads everything', () => {
  const spec = parse({ kind: 'consume', processes: 3, records: 10 });
  expect(shareOf(spec, 1)).toEqual({ ...spec, processes: 1 });
});

test.each([
  [{ kind: 'produce' }, /needs records or seconds/],
  [{ kind: 'produce', records: 1, skew: 1 }, /at skew: skew needs keys/],
  [{ kind: 'produce', records: 1, stamp: true, payload: 'json' }, /at stamp: stamp needs the random payload/],
  [{ kind: 'produce', records: 1, stamp: true, recordBytes: 4 }, /at stamp/],
  [{ kind: 'produce', records: 1, speed: 3 }, /speed/],
  [{ kind: 'fly' }, /the load at kind/],
])('%j is refused with what is wrong and where', (value, reason) => {
  expect(() => parse(value)).toThrow(reason);
});
