import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CatchUpThrottle } from '../../src/replication/catch-up-throttle.js';

test('what is moved stays within the rate, but for one read at a time', () => {
  const steps = fc.array(
    fc.record({ afterMs: fc.integer({ min: 0, max: 3000 }), bytes: fc.integer({ min: 1, max: 5000 }) }),
  );
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 10_000 }), (moves, rate) => {
      const throttle = new CatchUpThrottle();
      let nowMs = 0;
      let movedBytes = 0;
      for (const { afterMs, bytes } of moves) {
        nowMs += afterMs;
        const waitMs = throttle.waitMs('topic', rate, nowMs);
        if (waitMs > 0) continue;
        expect(movedBytes).toBeLessThanOrEqual((nowMs * rate) / 1000 + 0.001);
        throttle.moved('topic', bytes, nowMs);
        movedBytes += bytes;
      }
    }),
  );
});

test('each topic pays for itself, waits are short enough to see another rate, and no rate is no wait', () => {
  const throttle = new CatchUpThrottle();
  throttle.moved('slow', 1_000_000, 0);
  expect(throttle.waitMs('slow', 1000, 0)).toBe(1000);
  expect(throttle.waitMs('other', 1000, 0)).toBe(0);
  expect(throttle.waitMs('slow', 2_000_000, 250)).toBe(250);
  expect(throttle.waitMs('slow', undefined, 250)).toBe(0);
  expect(throttle.waitMs('slow', 1000, 250)).toBe(0);
});
