/**
 * What a leader knows of one replica that follows it.
 *
 *     probe      where its log matches is not known: one append at a time, at `next`
 *     replicate  it matches: appends are sent ahead of their acknowledgement, up to the limits in flight
 *     snapshot   it needs entries the leader no longer has: chunks of a snapshot, one at a time
 *
 *     probe -> replicate      an append is accepted
 *     replicate -> probe      an append is refused: something on the way was lost, or overtaken
 *     probe -> snapshot       `next` is before the start of the leader's log
 *     snapshot -> replicate   the replica matches at or after the start of the leader's log
 *
 * Invariants: `matched <= next`; `matched` never falls; both lie between entries of the leader's log.
 */
import type { ReplicaKey } from '../replica.js';
import type { RaftSettings } from '../settings.js';
import type { SnapshotDescription } from '../snapshot.js';

/** A snapshot on its way. */
export interface Transfer {
  readonly snapshot: SnapshotDescription;
  /** First byte not acknowledged. */
  offset: number;
  /** When the chunk from `offset` on was last asked for. */
  sentMs: number;
}

export class Progress {
  readonly replica: ReplicaKey;
  state: 'probe' | 'replicate' | 'snapshot' = 'probe';
  /** The replica's log equals the leader's before this position, and is synced there. */
  matched = 0;
  /** Where the next append begins. */
  next: number;
  /** When it last answered. */
  heardMs: number;
  /** The latest round that it answered. */
  answeredRound = 0;
  /** The commit that it was last told of. */
  commitSent = 0;
  /** In state probe: whether the probe at `next` is on its way; repeated at the next heartbeat. */
  isProbing = false;
  transfer: Transfer | undefined;
  /** In state replicate: appends without an acknowledgement, oldest first. */
  #inflight: { readonly end: number; readonly bytes: number }[] = [];
  #inflightBytes = 0;

  constructor(replica: ReplicaKey, next: number, nowMs: number) {
    this.replica = replica;
    this.next = next;
    this.heardMs = nowMs;
  }

  hasRoom(settings: RaftSettings): boolean {
    if (this.#inflight.length === 0) return true;
    return this.#inflight.length < settings.maxInflightMessages && this.#inflightBytes < settings.maxInflightBytes;
  }

  sent(end: number, bytes: number): void {
    this.next = end;
    this.#inflight.push({ end, bytes });
    this.#inflightBytes += bytes;
  }

  acknowledged(matched: number): void {
    this.matched = Math.max(this.matched, matched);
    this.next = Math.max(this.next, this.matched);
    for (let oldest = this.#inflight[0]; oldest !== undefined && oldest.end <= this.matched;) {
      this.#inflightBytes -= oldest.bytes;
      this.#inflight.shift();
      oldest = this.#inflight[0];
    }
  }

  becomeProbe(next: number): void {
    this.#enter('probe');
    this.next = Math.max(next, this.matched);
  }

  becomeReplicate(): void {
    this.#enter('replicate');
    this.next = this.matched;
  }

  becomeSnapshot(snapshot: SnapshotDescription, nowMs: number): void {
    this.#enter('snapshot');
    this.transfer = { snapshot, offset: 0, sentMs: nowMs };
  }

  #enter(state: Progress['state']): void {
    this.state = state;
    this.isProbing = false;
    this.transfer = undefined;
    this.#inflight = [];
    this.#inflightBytes = 0;
  }
}
