import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nextHighWatermark } from '../../src/partition/high-watermark.js';

describe('the high watermark', () => {
  test('never falls and never passes what any in-sync replica has, once it may move', () => {
    fc.assert(
      fc.property(fc.nat(), fc.array(fc.nat(), { minLength: 1 }), (current, endOffsets) => {
        const next = nextHighWatermark(current, endOffsets);
        expect(next).toBeGreaterThanOrEqual(current);
        if (next > current) expect(next).toBe(Math.min(...endOffsets));
      }),
    );
  });

  test('stays where it is while nobody has reported', () => {
    expect(nextHighWatermark(7, [])).toBe(7);
  });
});
