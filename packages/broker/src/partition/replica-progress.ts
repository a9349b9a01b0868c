/**
 * What a leader knows of one follower, learned from its fetches in this leader epoch.
 *
 * The follower tells the end of its log and how much of that is synced; which of the two counts is the durability of
 * the topic. Within one leader epoch and one registration of the follower both only grow: its log matches the leader's
 * when a fetch is noted here, and is not cut any more after that. A fetch that was overtaken by a later one, on an older
 * connection, therefore changes nothing.
 *
 * Lag is judged by when fetches arrived, never by when they were answered: `#lastCaughtUpMs` is a moment at which the
 * follower lacked nothing that counts. To find such moments under a stream of appends, `#target` is where the log ended
 * at an earlier moment; once the follower has all up to there, that moment is one. Time that the leader spends reading its
 * own disk for the follower is not held against it: else a leader whose disk is slow would put all healthy followers
 * out, and then die.
 */

/** What counts as having a record. */
export type Durability = 'fsync' | 'replicated';

/** Of a fetch that the leader found to match its log. */
export interface FollowerPosition {
  readonly brokerEpoch: number;
  readonly endOffset: number;
  readonly syncedEndOffset: number;
  readonly logStartOffset: number;
}

export class ReplicaProgress {
  readonly nodeId: number;
  #brokerEpoch = -1;
  #endOffset = -1;
  #syncedEndOffset = -1;
  #logStartOffset = -1;
  #toldStartOffset = -1;
  #lastCaughtUpMs: number;
  /** Whether `#lastCaughtUpMs` is such a moment: before the first, it is when lag began to be counted. */
  #hasCaughtUp = false;
  /** Undefined until the first fetch. */
  #target: { readonly offset: number; readonly ms: number } | undefined;
  #readSinceMs: number | undefined;

  /** `sinceMs`: when this leadership began, which is the first moment that can be held against the follower. */
  constructor(nodeId: number, sinceMs: number) {
    this.nodeId = nodeId;
    this.#lastCaughtUpMs = sinceMs;
  }

  /** Registration of the process that fetched; -1 before the first fetch of this leader epoch. */
  get brokerEpoch(): number {
    return this.#brokerEpoch;
  }

  /** -1 before the first fetch of this leader epoch. */
  get endOffset(): number {
    return this.#endOffset;
  }

  /** Up to where the follower has what the durability asks for; -1 before the first fetch of this leader epoch. */
  reportedEndOffset(durability: Durability): number {
    return durability === 'fsync' ? this.#syncedEndOffset : this.#endOffset;
  }

  /** Where its log starts; -1 before the first fetch of this leader epoch. */
  get logStartOffset(): number {
    return this.#logStartOffset;
  }

  /** Whether the follower is to be told of this start of the leader's log at once: it has not been, and lacks it. */
  isNewStart(logStartOffset: number): boolean {
    if (logStartOffset <= Math.max(this.#logStartOffset, this.#toldStartOffset)) return false;
    this.#toldStartOffset = logStartOffset;
    return true;
  }

  /** A fetch arrived. Returns false, and changes nothing, when it is of an earlier process of the node. */
  noteFetch(position: FollowerPosition, leader: LeaderMoment): boolean {
    if (position.brokerEpoch < this.#brokerEpoch) return false;
    if (position.brokerEpoch > this.#brokerEpoch) {
      this.#brokerEpoch = position.brokerEpoch;
      this.#endOffset = -1;
      this.#syncedEndOffset = -1;
      this.#logStartOffset = -1;
      this.#toldStartOffset = -1;
      this.#hasCaughtUp = false;
      this.#target = undefined;
    }
    this.#endOffset = Math.max(this.#endOffset, position.endOffset);
    const syncedEndOffset = Math.min(position.syncedEndOffset, position.endOffset);
    this.#syncedEndOffset = Math.max(this.#syncedEndOffset, syncedEndOffset);
    this.#logStartOffset = Math.max(this.#logStartOffset, position.logStartOffset);
    this.#noteCaughtUp(leader);
    return true;
  }

  /** The leader begins to read its disk for this follower, and has ended to. */
  beginRead(nowMs: number): void {
    this.#readSinceMs ??= nowMs;
  }

  endRead(nowMs: number): void {
    if (this.#readSinceMs === undefined) return;
    const tookMs = nowMs - this.#readSinceMs;
    this.#readSinceMs = undefined;
    this.#lastCaughtUpMs = Math.min(nowMs, this.#lastCaughtUpMs + tookMs);
  }

  /** For how long the follower has lacked something; 0 when it lacks nothing now. */
  lagMs({ nowMs, endOffset, durability }: LeaderMoment): number {
    if (this.reportedEndOffset(durability) >= endOffset) return 0;
    return Math.max(0, (this.#readSinceMs ?? nowMs) - this.#lastCaughtUpMs);
  }

  /** Whether there was a moment in the last `limitMs` at which it lacked nothing. */
  hasCaughtUpSince(limitMs: number, nowMs: number): boolean {
    return this.#hasCaughtUp && nowMs - this.#lastCaughtUpMs <= limitMs;
  }

  #noteCaughtUp({ nowMs, endOffset, durability }: LeaderMoment): void {
    const reported = this.reportedEndOffset(durability);
    if (reported >= endOffset) this.#caughtUpAt(nowMs);
    else if (this.#target !== undefined && reported >= this.#target.offset) this.#caughtUpAt(this.#target.ms);
    else if (this.#target !== undefined) return;
    this.#target = { offset: endOffset, ms: nowMs };
  }

  #caughtUpAt(ms: number): void {
    this.#lastCaughtUpMs = Math.max(this.#lastCaughtUpMs, ms);
    this.#hasCaughtUp = true;
  }
}

/** The leader's side of a comparison. */
export interface LeaderMoment {
  readonly nowMs: number;
  /** Of the leader's log. */
  readonly endOffset: number;
  readonly durability: Durability;
}
