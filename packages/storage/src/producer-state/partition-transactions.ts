/**
 * The transactions that wrote to one partition: which are open, and which were aborted.
 *
 *        a1   b1   a2   c1   A✗   b2   c2   C✓
 *        |    |______________________________    b is open: nothing from b1 on is stable
 *        |__________________|                    a was aborted: readers of what is committed leave a1 and a2 out
 *
 * The last stable offset is the first record of which it is not decided, for every replica, whether it counts: of a
 * transaction that is open, or that ended with a marker which is not below the high watermark yet. Such a marker may
 * still be lost with its leader.
 *
 * It is derived from the log like the rest of the producer state, and is saved with it. There is one entry for each
 * aborted transaction whose marker is still in the log, so that the log's retention bounds them.
 */
import { assert } from '@millrace/base';

/** Readers of committed records leave out what the producer wrote from `firstOffset` up to its marker. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  /** Of the marker. */
  readonly lastOffset: number;
  /** First offset of the oldest transaction that was open then: all that ended later began there or after it. */
  readonly openFromOffset: number;
}

export interface OpenTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

/** One that ended, with its marker's offset. */
export interface EndedTransaction {
  readonly firstOffset: number;
  readonly lastOffset: number;
}

export interface TransactionsSnapshot {
  readonly open: readonly OpenTransaction[];
  /** Those whose marker was not known to be on all replicas. */
  readonly ended: readonly EndedTransaction[];
  readonly aborted: readonly AbortedTransaction[];
}

export class PartitionTransactions {
  /** First offset by producer id. Offsets ascend, and a map keeps the order: the oldest comes first. */
  readonly #open = new Map<number, number>();
  /** In the order of their markers. */
  #ended: EndedTransaction[] = [];
  /** In the order of their markers. */
  #aborted: AbortedTransaction[] = [];

  isOpen(producerId: number): boolean {
    return this.#open.has(producerId);
  }

  /** Undefined when the producer has none open here. */
  firstOffsetOf(producerId: number): number | undefined {
    return this.#open.get(producerId);
  }

  /** A record of a transaction was appended. */
  note(producerId: number, baseOffset: number): void {
    if (!this.#open.has(producerId)) this.#open.set(producerId, baseOffset);
  }

  /** A marker was appended. One without a transaction, which wrote nothing here, ends nothing. */
  end(producerId: number, lastOffset: number, kind: 'commit' | 'abort'): void {
    const firstOffset = this.#open.get(producerId);
    if (firstOffset === undefined) return;
    assert(firstOffset <= lastOffset, 'a transaction ends after it began');
    const openFromOffset = this.#oldestOpen() ?? lastOffset;
    this.#open.delete(producerId);
    this.#ended.push({ firstOffset, lastOffset });
    if (kind === 'abort') this.#aborted.push({ producerId, firstOffset, lastOffset, openFromOffset });
  }

  /** Never above the high watermark. */
  lastStableOffset(highWatermark: number): number {
    while ((this.#ended[0]?.lastOffset ?? highWatermark) < highWatermark) this.#ended.shift();
    let stable = Math.min(highWatermark, this.#oldestOpen() ?? highWatermark);
    for (const { firstOffset } of this.#ended) stable = Math.min(stable, firstOffset);
    return stable;
  }

  /** The aborted transactions with records in a range of offsets, by their markers. */
  aborted(fromOffset: number, toOffset: number): AbortedTransaction[] {
    const found: AbortedTransaction[] = [];
    for (let index = this.#firstEndingFrom(fromOffset); index < this.#aborted.length; index++) {
      const transaction = this.#aborted[index];
      if (transaction === undefined) break;
      if (transaction.firstOffset < toOffset) found.push(transaction);
      if (transaction.openFromOffset >= toOffset) break;
    }
    return found;
  }

  /** The log begins here now: what ended before it is read by nobody. */
  forgetBefore(startOffset: number): void {
    this.#aborted.splice(0, this.#firstEndingFrom(startOffset));
  }

  snapshot(): TransactionsSnapshot {
    const open = Array.from(this.#open, ([producerId, firstOffset]) => ({ producerId, firstOffset }));
    return { open, ended: this.#ended.slice(), aborted: this.#aborted.slice() };
  }

  load(snapshot: TransactionsSnapshot): void {
    this.clear();
    for (const { producerId, firstOffset } of snapshot.open) this.#open.set(producerId, firstOffset);
    this.#ended = [...snapshot.ended];
    this.#aborted = [...snapshot.aborted];
  }

  clear(): void {
    this.#open.clear();
    this.#ended = [];
    this.#aborted = [];
  }

  #oldestOpen(): number | undefined {
    const { value } = this.#open.values().next();
    return value;
  }

  /** Index of the first aborted transaction whose marker is at or after an offset. */
  #firstEndingFrom(offset: number): number {
    let low = 0;
    let high = this.#aborted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#aborted[middle]?.lastOffset ?? 0) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
