/**
 * Notices that the program has stopped asking: it hangs in a record, or iterates no more. Looks now and then instead of
 * taking the time at each record.
 */
export class StallWatch {
  readonly #limitMs: number;
  #asks = -1;
  #sinceMs = 0;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** How often to look. */
  get intervalMs(): number {
    return Math.max(1, Math.ceil(this.#limitMs / 8));
  }

  /** Whether nothing has been asked for since `limitMs`, and nobody waits for more. */
  isStalled(work: { readonly asks: number; readonly isWaitedFor: boolean }, nowMs: number): boolean {
    if (work.asks !== this.#asks || work.isWaitedFor) {
      this.#asks = work.asks;
      this.#sinceMs = nowMs;
    }
    return nowMs - this.#sinceMs >= this.#limitMs;
  }
}
