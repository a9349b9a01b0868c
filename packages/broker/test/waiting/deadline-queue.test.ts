import { ManualClock } from '@millrace/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DeadlineQueue, type Waiting } from '../../src/waiting/deadline-queue.js';

class Waiter implements Waiting {
  bucket: Set<Waiting> | undefined;
  expiredAtMs: number[] = [];
  readonly deadlineMs: number;
  readonly #clock: ManualClock;

  constructor(clock: ManualClock, deadlineMs: number) {
    this.#clock = clock;
    this.deadlineMs = deadlineMs;
  }

  expire(): void {
    this.expiredAtMs.push(this.#clock.monotonicMs());
  }
}

describe('DeadlineQueue', () => {
  test('expires each request once, never before its deadline and at most one tick after it', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('add' as const), delayMs: fc.integer({ min: 0, max: 500 }) }),
      fc.record({ kind: fc.constant('remove' as const), pick: fc.nat() }),
      fc.record({ kind: fc.constant('advance' as const), byMs: fc.integer({ min: 0, max: 200 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const clock = new ManualClock({ monotonicMs: 3.5 });
        const queue = new DeadlineQueue(clock, { maxWaiting: 1000, tickMs: 10 });
        const waiters: Waiter[] = [];
        const removed = new Set<Waiter>();
        for (const taken of steps) {
          if (taken.kind === 'add') {
            const waiter = new Waiter(clock, clock.monotonicMs() + taken.delayMs);
            waiters.push(waiter);
            queue.add(waiter, taken.delayMs);
          } else if (taken.kind === 'advance') {
            clock.advance(taken.byMs);
          } else if (waiters.length > 0) {
            const waiter = waiters[taken.pick % waiters.length]!;
            if (waiter.expiredAtMs.length === 0) removed.add(waiter);
            queue.remove(waiter);
          }
          expect(queue.size).toBe(waiters.filter((w) => !removed.has(w) && w.expiredAtMs.length === 0).length);
        }
        clock.advance(1000);
        for (const waiter of waiters) {
          if (removed.has(waiter)) {
            expect(waiter.expiredAtMs).toEqual([]);
            continue;
          }
          expect(waiter.expiredAtMs).toHaveLength(1);
          expect(waiter.expiredAtMs[0]).toBeGreaterThanOrEqual(waiter.deadlineMs);
          expect(waiter.expiredAtMs[0]).toBeLessThanOrEqual(waiter.deadlineMs + 10);
        }
        expect(queue.size).toBe(0);
        expect(clock.pendingTimers).toBe(0);
      }),
    );
  });

  test('arms one timer however many wait', () => {
    const clock = new ManualClock();
    const queue = new DeadlineQueue(clock, { maxWaiting: 1000 });
    for (let delayMs = 1000; delayMs > 0; delayMs--) queue.add(new Waiter(clock, delayMs), delayMs);
    expect(clock.pendingTimers).toBe(1);
  });

  test('refuses to let more wait than its limit, and takes them again when others have left', () => {
    const queue = new DeadlineQueue(new ManualClock(), { maxWaiting: 2 });
    const waiters = [1, 2].map((delayMs) => new Waiter(new ManualClock(), delayMs));
    for (const waiter of waiters) {
      queue.requireRoom();
      queue.add(waiter, 1000);
    }
    expect(() => queue.requireRoom()).toThrow('2 requests are waiting');
    queue.remove(waiters[0]!);
    expect(() => queue.requireRoom()).not.toThrow();
  });

  test('a request that expires may queue again at once', () => {
    const clock = new ManualClock();
    const queue = new DeadlineQueue(clock, { maxWaiting: 1000 });
    let expirations = 0;
    const waiter: Waiting = {
      bucket: undefined,
      expire: () => {
        if (++expirations < 3) queue.add(waiter, 20);
      },
    };
    queue.add(waiter, 20);
    clock.advance(100);
    expect(expirations).toBe(3);
  });

  test('expireAll ends every wait at once and leaves no timer', () => {
    const clock = new ManualClock();
    const queue = new DeadlineQueue(clock, { maxWaiting: 1000 });
    const waiters = [5, 50, 5000].map((delayMs) => {
      const waiter = new Waiter(clock, delayMs);
      queue.add(waiter, delayMs);
      return waiter;
    });
    queue.expireAll();
    expect(waiters.map(({ expiredAtMs }) => expiredAtMs)).toEqual([[0], [0], [0]]);
    expect(clock.pendingTimers).toBe(0);
  });
});
