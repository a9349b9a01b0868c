/**
 * Which leader wrote which part of a log: for each leader epoch that has records here, the offset of its first one.
 *
 *     epoch 0 from 0 | epoch 3 from 120 | epoch 4 from 121        records 0..119 were written under epoch 0
 *
 * A follower finds the point where its log and the leader's part by asking for the end offset of its own last epoch
 * (KIP-101), and for the epoch that answer belongs to (KIP-279).
 *
 * Invariant: both epochs and start offsets strictly increase; equal to what a scan of the log's batches would give,
 * but for a last epoch that has been assigned and has no record yet.
 */
import { assert } from '@millrace/base';

export interface EpochEntry {
  readonly epoch: number;
  /** Offset of the first record of this epoch. */
  readonly startOffset: number;
}

export interface EpochEnd {
  /** The largest epoch known here that is not above the one asked for; -1 when nothing can be said. */
  readonly epoch: number;
  /** Where the records of that epoch end; -1 when nothing can be said. */
  readonly endOffset: number;
}

const unknownEnd: EpochEnd = { epoch: -1, endOffset: -1 };

export class LeaderEpochHistory {
  #entries: EpochEntry[] = [];

  /** Takes over entries as read from a checkpoint; false, and nothing changes, when they break the invariant. */
  static from(entries: readonly EpochEntry[]): LeaderEpochHistory | undefined {
    const history = new LeaderEpochHistory();
    let previous: EpochEntry = { epoch: -1, startOffset: -1 };
    for (const entry of entries) {
      if (entry.epoch <= previous.epoch || entry.startOffset <= previous.startOffset) return undefined;
      previous = entry;
    }
    history.#entries = [...entries];
    return history;
  }

  get entries(): readonly EpochEntry[] {
    return this.#entries;
  }

  /** -1 when no epoch is known. */
  get latestEpoch(): number {
    return this.#entries.at(-1)?.epoch ?? -1;
  }

  /**
   * Notes that records from `startOffset` on belong to `epoch`. Returns whether anything changed, and so must be
   * written. An entry that the new one contradicts (an epoch at or above it, or that begins at or after it) had no
   * record left, and goes.
   */
  assign(epoch: number, startOffset: number): boolean {
    assert(epoch >= 0 && startOffset >= 0, `cannot assign leader epoch ${epoch} at offset ${startOffset}`);
    const latest = this.#entries.at(-1);
    if (latest?.epoch === epoch && startOffset >= latest.startOffset) return false;
    while (this.#contradicts(epoch, startOffset)) this.#entries.pop();
    this.#entries.push({ epoch, startOffset });
    return true;
  }

  /** The answer to a follower's OffsetForLeaderEpoch; `logEndOffset` is where the latest epoch ends so far. */
  endOffsetForEpoch(epoch: number, logEndOffset: number): EpochEnd {
    if (epoch < 0 || epoch > this.latestEpoch) return unknownEnd;
    if (epoch === this.latestEpoch) return { epoch, endOffset: logEndOffset };
    const floor = this.#lastIndexWhere((entry) => entry.epoch <= epoch);
    const next = this.#entries[floor + 1];
    assert(next !== undefined, 'an epoch below the latest has one above it');
    // Below all that is known here: the records of that epoch, if there were any, end where the known ones begin.
    return { epoch: this.#entries[floor]?.epoch ?? epoch, endOffset: next.startOffset };
  }

  /** The epoch of the record at an offset; -1 when it lies before all that is known. */
  epochAt(offset: number): number {
    return this.#entries[this.#lastIndexWhere((entry) => entry.startOffset <= offset)]?.epoch ?? -1;
  }

  /** Forgets the epochs of records from `endOffset` on. Returns whether anything changed. */
  truncateFromEnd(endOffset: number): boolean {
    const before = this.#entries.length;
    while ((this.#entries.at(-1)?.startOffset ?? -1) >= endOffset) this.#entries.pop();
    return this.#entries.length !== before;
  }

  /** Forgets the epochs of records before `startOffset`; the one that holds it now begins there. */
  truncateFromStart(startOffset: number): boolean {
    const index = this.#lastIndexWhere((entry) => entry.startOffset <= startOffset);
    const holder = this.#entries[index];
    if (holder === undefined || (index === 0 && holder.startOffset === startOffset)) return false;
    this.#entries.splice(0, index + 1, { epoch: holder.epoch, startOffset });
    return true;
  }

  clear(): void {
    this.#entries = [];
  }

  #contradicts(epoch: number, startOffset: number): boolean {
    const latest = this.#entries.at(-1);
    return latest !== undefined && (latest.epoch >= epoch || latest.startOffset >= startOffset);
  }

  /** -1 when there is none. The list is short (one entry per leadership that wrote), and the end is asked for most. */
  #lastIndexWhere(matches: (entry: EpochEntry) => boolean): number {
    return this.#entries.findLastIndex(matches);
  }
}
