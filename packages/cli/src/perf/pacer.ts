/**
 * The schedule of an open loop: record `n` is due at `n / rate` seconds after the start, whatever happened before.
 * Latency counted from the due time cannot hide the wait of records that a stall delayed (coordinated omission).
 */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';

/** The kernel adds about as much to each. */
const napMs = 0.05;

export class Pacer {
  /** Nobody wakes who waits for it to change. */
  readonly #never = new Int32Array(new SharedArrayBuffer(4));
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
   * and in naps for the rest, because timers are only good to a millisecond. Between two naps the event loop takes what has
   * arrived; turning it without them would keep a processor busy that the node under load may need.
   */
  async nextDue(index: number): Promise<number> {
    for (
      let waitMs = this.dueMs(index) - performance.now();
      waitMs > 0;
      waitMs = this.dueMs(index) - performance.now()
    ) {
      if (waitMs > 2) {
        await sleep(Math.floor(waitMs - 1));
      } else {
        Atomics.wait(this.#never, 0, 0, Math.min(waitMs, napMs));
        await nextTurn();
      }
    }
    return Math.max(index + 1, Math.floor((performance.now() - this.#startedMs) / this.#intervalMs) + 1);
  }
}
