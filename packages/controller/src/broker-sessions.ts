/**
 * What this controller itself heard of each broker, by its monotonic clock. Not in the log: a new controller knows nothing of
 * it, and gives every broker a full session timeout from its own start.
 */
interface Session {
  heardMs: number;
  /** Last metadata offset that the broker said it had acted on. */
  metadataOffset: number;
  /** Set when the broker, which wants to stop, led nothing any more: where, and when that was. */
  drained: { readonly metadataOffset: number; readonly atMs: number } | undefined;
  /** While the broker is fenced and alive: where the metadata ended when it was first heard so. */
  returnOffset: number | undefined;
}

export class BrokerSessions {
  readonly #timeoutMs: number;
  #startedMs: number;
  #checkedMs: number;
  /** By node id: as many as there are brokers. */
  readonly #sessions = new Map<number, Session>();

  constructor(timeoutMs: number, startedMs: number) {
    this.#timeoutMs = timeoutMs;
    this.#startedMs = startedMs;
    this.#checkedMs = startedMs;
  }

  /** How often `check` is to be called. */
  get checkIntervalMs(): number {
    return Math.max(1, Math.floor(this.#timeoutMs / 4));
  }

  touch(nodeId: number, nowMs: number, metadataOffset = -1): void {
    const session = this.#sessions.get(nodeId);
    if (session === undefined)
      this.#sessions.set(nodeId, { heardMs: nowMs, metadataOffset, drained: undefined, returnOffset: undefined });
    else {
      session.heardMs = nowMs;
      session.metadataOffset = Math.max(session.metadataOffset, metadataOffset);
    }
  }

  /** A new registration: what was known of the one before is of no use. */
  begin(nodeId: number, nowMs: number): void {
    this.#sessions.delete(nodeId);
    this.touch(nodeId, nowMs);
  }

  forget(nodeId: number): void {
    this.#sessions.delete(nodeId);
  }

  /**
   * Whether a fenced broker that is heard may be active again: when it has acted on what the metadata held when it was
   * first heard, its own fencing and the loss of its leaderships among it. One that was asleep would else be told that all
   * is well, and go on as the leader of what others lead by now.
   */
  mayReturn(nodeId: number, now: { readonly metadataOffset: number }): boolean {
    const session = this.#sessions.get(nodeId);
    if (session === undefined) return false;
    session.returnOffset ??= now.metadataOffset;
    if (session.metadataOffset < session.returnOffset) return false;
    session.returnOffset = undefined;
    return true;
  }

  /** Whether the broker may be alive: heard within the timeout, which runs from this controller's own start at the earliest. */
  mayLive(nodeId: number, nowMs: number): boolean {
    return nowMs - (this.#sessions.get(nodeId)?.heardMs ?? this.#startedMs) < this.#timeoutMs;
  }

  /** Whether this controller itself heard the broker within the timeout. */
  isHeard(nodeId: number, nowMs: number): boolean {
    const session = this.#sessions.get(nodeId);
    return session !== undefined && nowMs - session.heardMs < this.#timeoutMs;
  }

  /**
   * Of `nodeIds` those that were silent for the timeout, the longest silent first. When this check itself comes late,
   * this process was stopped, and what brokers sent meanwhile may still be on its way: the time counts for nobody.
   */
  expired(nodeIds: readonly number[], nowMs: number): number[] {
    const lateMs = nowMs - this.#checkedMs - 2 * this.checkIntervalMs;
    this.#checkedMs = nowMs;
    if (lateMs > 0) {
      this.#startedMs += lateMs;
      for (const session of this.#sessions.values()) session.heardMs = Math.min(nowMs, session.heardMs + lateMs);
    }
    const heardMs = (nodeId: number): number => this.#sessions.get(nodeId)?.heardMs ?? this.#startedMs;
    return nodeIds
      .filter((nodeId) => nowMs - heardMs(nodeId) >= this.#timeoutMs)
      .sort((a, b) => heardMs(a) - heardMs(b) || a - b);
  }

  /**
   * Whether a broker that leads nothing since `metadataOffset` may stop: when the others have acted on that, so that no
   * client is sent to it any more. A broker that does not catch up is waited for no longer than a session timeout.
   */
  mayStop(
    nodeId: number,
    now: { readonly metadataOffset: number; readonly ms: number; readonly others: readonly number[] },
  ): boolean {
    const session = this.#sessions.get(nodeId);
    if (session === undefined) return true;
    session.drained ??= { metadataOffset: now.metadataOffset, atMs: now.ms };
    const { metadataOffset, atMs } = session.drained;
    if (now.ms - atMs >= this.#timeoutMs) return true;
    return now.others.every((other) => (this.#sessions.get(other)?.metadataOffset ?? -1) >= metadataOffset);
  }
}
