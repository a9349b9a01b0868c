/**
 * The aborted transactions among fetched batches. A batch is of one when it is transactional, of that producer, and lies
 * before the marker:
 *
 *     firstOffset   a1   b1   a2   A✗ lastOffset      a1 and a2 are left out, b1 is not
 *
 * A producer has one transaction at a time: its ranges do not overlap, and come in the order of their markers. So one
 * that goes through the batches in order needs to remember only which range of each producer comes next.
 */
import type { BatchView } from '@millrace/record';

/** As the leader tells it. */
export interface AbortedRange {
  readonly producerId: number;
  readonly firstOffset: number;
  /** Of the marker. */
  readonly lastOffset: number;
}

/** For one walk over the batches, in order. */
export class AbortedRanges {
  /** By producer, the next one last. */
  readonly #ranges = new Map<number, AbortedRange[]>();

  /** Undefined when there are none: then no batch needs to be looked at. */
  static of(aborted: readonly AbortedRange[]): AbortedRanges | undefined {
    return aborted.length === 0 ? undefined : new AbortedRanges(aborted);
  }

  private constructor(aborted: readonly AbortedRange[]) {
    for (let index = aborted.length - 1; index >= 0; index--) {
      const range = aborted[index] as AbortedRange;
      const ranges = this.#ranges.get(range.producerId);
      if (ranges === undefined) this.#ranges.set(range.producerId, [range]);
      else ranges.push(range);
    }
  }

  /** Whether the batch was aborted. */
  has(batch: BatchView): boolean {
    if (!batch.isTransactional) return false;
    const ranges = this.#ranges.get(batch.producerId);
    if (ranges === undefined) return false;
    const { baseOffset } = batch;
    while ((ranges.at(-1)?.lastOffset ?? Infinity) <= baseOffset) ranges.pop();
    const range = ranges.at(-1);
    return range !== undefined && range.firstOffset <= baseOffset;
  }
}
