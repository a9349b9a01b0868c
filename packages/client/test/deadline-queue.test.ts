import { ManualClock } from '@millrace/testkit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DeadlineQueue, type Expiring } from '../src/index.js';

test('entries expire at their deadline or within a tick after it, unless removed before', () => {
  const entries = fc.array(fc.record({ afterMs: fc.nat(500), removeAtMs: fc.option(fc.nat(500)) }), { maxLength: 30 });
  fc.assert(
    fc.property(entries, (plan) => {
      const clock = new ManualClock();
      const queue = new DeadlineQueue(clock);
      const startMs = clock.monotonicMs();
      const expiredAt = new Map<number, number>();
      const added = plan.map(({ afterMs }, index): Expiring => ({
        deadlineMs: startMs + afterMs,
        expire: () => void expiredAt.set(index, clock.monotonicMs() - startMs),
      }));
      for (const entry of added) queue.add(entry);
      for (let now = 0; now < 600; now += 1) {
        for (const [index, { removeAtMs }] of plan.entries()) {
          const entry = added[index];
          if (removeAtMs === now && entry !== undefined) queue.remove(entry);
        }
        clock.advance(1);
      }
      for (const [index, { afterMs, removeAtMs }] of plan.entries()) {
        const at = expiredAt.get(index);
        if (at === undefined) {
          expect(removeAtMs).not.toBeNull();
          expect(removeAtMs ?? 0).toBeLessThanOrEqual(afterMs + 20);
        } else {
          expect(at).toBeGreaterThanOrEqual(afterMs);
          expect(at).toBeLessThanOrEqual(afterMs + 21);
        }
      }
    }),
  );
});

test('an entry may add and remove others while it expires', () => {
  const clock = new ManualClock();
  const queue = new DeadlineQueue(clock);
  const order: string[] = [];
  const deadlineMs = clock.monotonicMs() + 10;
  const third: Expiring = { deadlineMs: deadlineMs + 100, expire: () => order.push('third') };
  const second: Expiring = { deadlineMs: deadlineMs + 200, expire: () => order.push('second') };
  queue.add({
    deadlineMs,
    expire: () => {
      order.push('first');
      queue.remove(second);
      queue.add(third);
    },
  });
  queue.add(second);
  clock.advance(1000);
  expect(order).toEqual(['first', 'third']);
});
