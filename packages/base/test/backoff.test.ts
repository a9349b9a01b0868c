import { seededRandom } from '@millrace/testkit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backoffMs } from '../src/index.js';

test('waits double from the first to the longest', () => {
  const random = seededRandom(1).stream('backoff');
  const backoff = { initialMs: 100, maxMs: 1000, jitter: 0 };
  expect([1, 2, 3, 4, 5, 6, 1000, 1e9].map((attempt) => backoffMs(attempt, backoff, random))).toEqual([
    100, 200, 400, 800, 1000, 1000, 1000, 1000,
  ]);
});

test('jitter spreads a wait around its exact value and never past the longest', () => {
  const anyBackoff = fc.record({
    initialMs: fc.integer({ min: 1, max: 1000 }),
    maxMs: fc.integer({ min: 1000, max: 60_000 }),
    jitter: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 1, max: 100 }), anyBackoff, (seed, attempt, backoff) => {
      const wait = backoffMs(attempt, backoff, seededRandom(seed).stream('backoff'));
      const exact = backoff.initialMs * 2 ** (attempt - 1);
      expect(wait).toBeGreaterThanOrEqual(Math.min(exact * (1 - backoff.jitter), backoff.maxMs));
      expect(wait).toBeLessThanOrEqual(Math.min(exact * (1 + backoff.jitter), backoff.maxMs));
    }),
  );
});

test('attempts count from 1', () => {
  const random = seededRandom(1).stream('backoff');
  expect(() => backoffMs(0, { initialMs: 1, maxMs: 1, jitter: 0 }, random)).toThrow(/count from 1/);
});
