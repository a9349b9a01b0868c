/** A timer that has not fired yet. Cancelling twice, or after it fired, does nothing. */
export interface Timer {
  cancel(): void;
}

/** Time as a node sees it. Durations and deadlines use monotonic time; timestamps in records use wall time. */
export interface Clock {
  /** Milliseconds, with fractions, since some fixed moment; never goes back. */
  monotonicMs(): number;
  /** Whole milliseconds since 1970; may jump either way. */
  wallMs(): number;
  /** Calls back once, not before `delayMs` has passed. Keeps the process alive until then. */
  schedule(delayMs: number, callback: () => void): Timer;
  /** Calls back once in a later turn of the event loop, after input that is already there. */
  nextTurn(callback: () => void): void;
}
