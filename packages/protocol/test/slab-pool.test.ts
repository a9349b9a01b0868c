import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SlabPool } from '../src/index.js';

test('a slab is as long as asked for and at most a quarter longer', () => {
  const pool = new SlabPool();
  fc.assert(
    fc.property(fc.integer({ min: 4097, max: 2 ** 24 }), (bytes) => {
      const slab = pool.take(bytes);
      expect(slab.length).toBeGreaterThanOrEqual(bytes);
      expect(slab.length).toBeLessThanOrEqual(bytes * 1.25 + 1);
      pool.give(slab);
    }),
  );
});

test('a slab that was given back is used again, and by one owner at a time', () => {
  const pool = new SlabPool();
  const first = pool.take(10_000);
  pool.give(first);
  const second = pool.take(10_000);
  expect(second).toBe(first);
  expect(pool.take(10_000)).not.toBe(first);
});

test('what nobody uses is bounded', () => {
  const pool = new SlabPool({ maxFreeBytes: 100_000 });
  const slabs = Array.from({ length: 20 }, () => pool.take(16_384));
  for (const slab of slabs) pool.give(slab);
  expect(pool.freeBytes).toBeGreaterThan(80_000);
  expect(pool.freeBytes).toBeLessThanOrEqual(100_000);
});
