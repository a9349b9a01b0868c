/**
 * The two indexes of one segment, and the rule by which they grow: it depends on nothing but the batches and the
 * interval, so that indexes that are made anew equal those that grew with the log.
 *
 *     a batch begins more than indexIntervalBytes after the last one indexed  -> an entry in the offset index;
 *                                                     and in the time index, if the largest timestamp has grown
 *     the segment is closed                           -> a last entry in the time index, if it has grown
 *
 * Invariant: `largestTimestamp` is that of all batches noted, and of those that the loaded time index stands for.
 */
import type { Logger } from '@millrace/base';
import type { FilePool } from '../file-pool.js';
import { offsetIndexLayout } from './offset-index.js';
import { SparseIndex } from './sparse-index.js';
import { timeIndexLayout } from './time-index.js';

export interface SegmentIndexesOptions {
  readonly filePool: FilePool;
  readonly logger: Logger;
  readonly maxIndexBytes: number;
  readonly offsetIndexPath: string;
  readonly timeIndexPath: string;
}

export interface LargestTimestamp {
  /** -1 when there is none. */
  readonly timestampMs: number;
  /** Last offset, relative to the segment, of the first batch that has it. */
  readonly relativeOffset: number;
}

const noTimestamp: LargestTimestamp = { timestampMs: -1, relativeOffset: -1 };

export class SegmentIndexes {
  readonly offsets: SparseIndex;
  readonly times: SparseIndex;
  /** Position of the batch that the last entry of the offset index points at. */
  #indexedPosition = 0;
  #largest = noTimestamp;
  /** False while these are still to be read from files that were taken over. */
  #isLoaded = true;

  constructor(options: SegmentIndexesOptions) {
    const { filePool, logger, maxIndexBytes: maxBytes, offsetIndexPath, timeIndexPath } = options;
    this.offsets = new SparseIndex({ layout: offsetIndexLayout, filePool, logger, maxBytes, path: offsetIndexPath });
    this.times = new SparseIndex({ layout: timeIndexLayout, filePool, logger, maxBytes, path: timeIndexPath });
  }

  get isFull(): boolean {
    return this.offsets.isFull || this.times.isFull;
  }

  get largestTimestamp(): LargestTimestamp {
    this.#ensureLoaded();
    return this.#largest;
  }

  /** Takes over files of these sizes, reading nothing yet. False when they cannot be indexes. */
  load(offsetsBytes: number, timesBytes: number): boolean {
    this.#isLoaded = false;
    return this.offsets.load(offsetsBytes) && this.times.load(timesBytes);
  }

  /** The next batch, by the last offset (relative to the segment), largest timestamp, and position it has. */
  note(relativeOffset: number, timestampMs: number, position: number, intervalBytes: number): void {
    this.#ensureLoaded();
    if (timestampMs > this.#largest.timestampMs) this.#largest = { timestampMs, relativeOffset };
    if (position - this.#indexedPosition <= intervalBytes) return;
    this.offsets.append(relativeOffset, position);
    this.#noteTime();
    this.#indexedPosition = position;
  }

  /** The segment is closed. */
  complete(): void {
    this.#ensureLoaded();
    this.#noteTime();
    this.flush();
  }

  flush(): void {
    this.offsets.flush();
    this.times.flush();
  }

  /** Makes both durable. False when there was no room to write them. */
  async sync(): Promise<boolean> {
    const offsets = await this.offsets.sync();
    const times = await this.times.sync();
    return offsets && times;
  }

  /** Forgets the entries of batches that end at or after an offset, and what was noted of any batch after the rest. */
  rewindTo(relativeOffset: number): void {
    this.offsets.truncateKeys(relativeOffset);
    // An entry was made at the batch that it points at, and the time of that batch is in.
    this.times.truncateValues((this.offsets.last?.key ?? -1) + 1);
    this.#isLoaded = false;
  }

  clear(): void {
    this.offsets.clear();
    this.times.clear();
    this.#isLoaded = false;
  }

  /** Forgets all entries, and goes on at `position`; the largest timestamp stays known. */
  beginAt(position: number): void {
    this.#ensureLoaded();
    this.offsets.clear();
    this.times.clear();
    this.#indexedPosition = position;
  }

  close(): void {
    this.offsets.close();
    this.times.close();
  }

  #noteTime(): void {
    const { timestampMs, relativeOffset } = this.#largest;
    if (timestampMs > (this.times.last?.key ?? -1)) this.times.append(timestampMs, relativeOffset);
  }

  #ensureLoaded(): void {
    if (this.#isLoaded) return;
    const { last } = this.times;
    this.#largest = last === undefined ? noTimestamp : { timestampMs: last.key, relativeOffset: last.value };
    this.#indexedPosition = this.offsets.last?.value ?? 0;
    this.#isLoaded = true;
  }
}
