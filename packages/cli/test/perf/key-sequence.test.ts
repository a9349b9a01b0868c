import fc from 'fast-check';
import { expect, test } from 'vitest';
import { keySequence } from '../../src/perf/key-sequence.js';

function shares(keys: number, skew: number): number[] {
  const sequence = keySequence(keys, skew);
  const counts = new Map<string, number>();
  for (const key of sequence) counts.set(key.toString(), (counts.get(key.toString()) ?? 0) + 1);
  return Array.from({ length: keys }, (_, index) => (counts.get(`key-${index}`) ?? 0) / sequence.length);
}

test('each key comes in the share that Zipf’s law gives it, for any number of keys and any exponent', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), fc.double({ min: 0, max: 3, noNaN: true }), (keys, skew) => {
      const weights = Array.from({ length: keys }, (_, index) => (index + 1) ** -skew);
      const sum = weights.reduce((total, weight) => total + weight, 0);
      for (const [index, share] of shares(keys, skew).entries())
        expect(Math.abs(share - (weights[index] ?? 0) / sum)).toBeLessThan(0.001);
    }),
    { numRuns: 30 },
  );
});

test('without a skew all keys come alike', () => {
  for (const share of shares(16, 0)) expect(share).toBeCloseTo(1 / 16, 3);
});
