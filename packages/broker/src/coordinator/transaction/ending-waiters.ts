/**
 * Requests of producers whose last transaction is being ended: told when it has, or when there is no use in waiting. It
 * takes a round trip or two: a producer that came back after a pause of its own would lose more.
 */
import type { Clock, Timer } from '@millrace/base';

interface Waiter {
  readonly timer: Timer;
  readonly settle: (isOver: boolean) => void;
}

export class EndingWaiters {
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Set<Waiter>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves with true when it ended, or when its coordinator did; with false after the time. */
  wait(transactionalId: string, maxWaitMs: number): Promise<boolean> {
    if (maxWaitMs <= 0) return Promise.resolve(false);
    return new Promise((resolve) => {
      const waiters = this.#waiting.get(transactionalId) ?? new Set<Waiter>();
      this.#waiting.set(transactionalId, waiters);
      const settle = (isOver: boolean): void => {
        waiter.timer.cancel();
        waiters.delete(waiter);
        if (waiters.size === 0) this.#waiting.delete(transactionalId);
        resolve(isOver);
      };
      const waiter: Waiter = { timer: this.#clock.schedule(maxWaitMs, () => settle(false)), settle };
      waiters.add(waiter);
    });
  }

  ended(transactionalId: string): void {
    for (const { settle } of [...(this.#waiting.get(transactionalId) ?? [])]) settle(true);
  }

  allEnded(): void {
    for (const transactionalId of [...this.#waiting.keys()]) this.ended(transactionalId);
  }
}
