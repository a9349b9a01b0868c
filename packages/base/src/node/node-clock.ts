import type { Clock, Timer } from '../environment/clock.js';

/** The longest wait one Node timer can hold, in milliseconds: longer ones fire at once. */
const timerMaxMs = 2 ** 31 - 1;

export class NodeClock implements Clock {
  monotonicMs(): number {
    return performance.now();
  }

  wallMs(): number {
    return Date.now();
  }

  schedule(delayMs: number, callback: () => void): Timer {
    return new NodeTimer(this.monotonicMs() + delayMs, callback);
  }

  nextTurn(callback: () => void): void {
    setImmediate(callback);
  }
}

class NodeTimer implements Timer {
  readonly #dueMs: number;
  readonly #callback: () => void;
  #handle: NodeJS.Timeout;

  constructor(dueMs: number, callback: () => void) {
    this.#dueMs = dueMs;
    this.#callback = callback;
    this.#handle = this.#arm();
  }

  cancel(): void {
    clearTimeout(this.#handle);
  }

  #arm(): NodeJS.Timeout {
    const waitMs = Math.min(Math.max(this.#dueMs - performance.now(), 0), timerMaxMs);
    return setTimeout(() => {
      // Node counts in whole milliseconds of loop time and may fire a fraction early; very long waits come in parts.
      if (performance.now() < this.#dueMs) this.#handle = this.#arm();
      else this.#callback();
    }, Math.ceil(waitMs));
  }
}
