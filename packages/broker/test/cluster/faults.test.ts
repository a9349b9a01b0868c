import { describe, expect, test } from 'vitest';
import { runFaults } from '../cluster-faults.js';

describe('crashes, cuts and slow disks', () => {
  const from = 1;
  const count = 3;
  test.each(Array.from({ length: count }, (_, index) => from + index))('lose nothing, seed %i', async (seed) => {
    const { violations, acknowledged } = await runFaults(seed);
    expect(violations).toEqual([]);
    expect(acknowledged).toBeGreaterThan(20);
  });
});
