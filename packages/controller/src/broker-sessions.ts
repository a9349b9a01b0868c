/**
 * When each broker was last heard, by this controller's monotonic clock. Not in the log: a new controller knows nothing of
 * it, and gives every broker a full session timeout from its own start.
 */
export class BrokerSessions {
  readonly #timeoutMs: number;
  readonly #startedMs: number;
  readonly #heardMs = new Map<number, number>();

  constructor(timeoutMs: number, startedMs: number) {
    this.#timeoutMs = timeoutMs;
    this.#startedMs = startedMs;
  }

  touch(nodeId: number, nowMs: number): void {
    this.#heardMs.set(nodeId, nowMs);
  }

  /** Whether this controller itself heard the broker within the timeout. */
  isHeard(nodeId: number, nowMs: number): boolean {
    const heardMs = this.#heardMs.get(nodeId);
    return heardMs !== undefined && nowMs - heardMs < this.#timeoutMs;
  }

  isExpired(nodeId: number, nowMs: number): boolean {
    return nowMs - (this.#heardMs.get(nodeId) ?? this.#startedMs) >= this.#timeoutMs;
  }
}
