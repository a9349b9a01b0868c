/**
 * The schedule of an open loop: record `n` is due at `n / rate` seconds after the start, whatever happened before.
 * Latency counted from the due time cannot hide the wait of records that a stall delayed (coordinated omission).
 */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';

export class Pacer {
  readonly #intervalMs: number;
  readonly #startedMs = performance.now();

  constructor(ratePerSecond: number) {
    this.#intervalMs = 1000 / ratePerSecond;
  }

  dueMs(index: number): number {
    return this.#startedMs + index * this.#intervalMs;
  }

  /**
   * Waits until record `index` is due, then says how many records are due by now: at least `index + 1`. Sleeps coarsely
   * and turns the event loop for the rest, because timers are only good to a millisecond.
   */
  async nextDue(index: number): Promise<number> {
    for (let waitMs = this.dueMs(index) - performance.now(); waitMs > 0; waitMs = this.dueMs(index) - performance.now())
      await (waitMs > 2 ? sleep(Math.floor(waitMs - 1)) : nextTurn());
    return Math.max(index + 1, Math.floor((performance.now() - this.#startedMs) / this.#intervalMs) + 1);
  }
}
