/**
 * One segment: a stretch of the log from `baseOffset` on, in one log file with its two indexes.
 *
 *     batches    | b0 | b1 | b2 | b3 | ...                  .log
 *     offsets       ^ lastOffset of b2 -> its position      .index       about every indexIntervalBytes
 *     times         ^ largest timestamp up to b2            .timeindex   at the same moments, when it grew
 *
 * Only the last segment of a log, the active one, is written. The log file is the truth; whatever an index says is
 * checked against the batch that it points at, and an index that lies is made anew from the log.
 *
 * Invariants: `sizeBytes` is the end of the last whole batch that counts, and the next write goes there;
 * `nextOffset` is the offset after it (for a segment that is not active: where the next segment begins).
 */
import { assert, type FileSystem, type Logger } from '@millrace/base';
import type { BatchView } from '@millrace/record';
import { temporarySuffix } from '../atomic-file.js';
import { type FilePool, PooledFile } from '../file-pool.js';
import { corruptLog, isOutOfHandles } from '../storage-errors.js';
import { writeFully } from '../write-fully.js';
import { scanBatches, stop } from './scan-batches.js';
import { logSuffix, offsetIndexSuffix, segmentName, timeIndexSuffix } from './segment-name.js';
import { SegmentIndexes } from './segment-indexes.js';

export interface SegmentContext {
  readonly files: FileSystem;
  readonly filePool: FilePool;
  readonly logger: Logger;
  readonly directory: string;
  /** Follows the names of all files: of a segment that compaction is making, and that is not part of the log yet. */
  readonly nameSuffix?: string;
  readonly maxIndexBytes: number;
  /** As the topic is configured now. */
  readonly indexIntervalBytes: () => number;
}

/** Offsets and positions in indexes have 4 bytes, and Kafka reads them as signed. */
const maxRelative = 2 ** 31 - 1;

/** Where to begin looking for an offset: a batch begins at `position`; its last offset, when the index told. */
export interface SegmentPlace {
  readonly position: number;
  readonly lastOffset: number | undefined;
}

export class Segment {
  readonly baseOffset: number;
  readonly log: PooledFile;
  readonly #context: SegmentContext;
  #indexes: SegmentIndexes;
  #sizeBytes = 0;
  #nextOffset: number;
  /** Whether nothing is appended any more. */
  #isSealed = false;
  /** Whether the last entry of the time index was found to agree with the log, or was written by us. */
  #isTimeIndexChecked = true;
  #rebuilding: Promise<void> | undefined;
  /** Whether bytes were written that no finished sync covers. */
  isDirty = false;
  /** The broker's clock when the first batch was appended; undefined in an empty segment. Rolling by time counts from it. */
  firstAppendMs: number | undefined;
  /** The broker's clock at the last append; undefined when that was before this process. */
  lastAppendMs: number | undefined;
  /** Set when the segment was taken out of the log: its files are gone or going. */
  isRemoved = false;

  private constructor(context: SegmentContext, baseOffset: number, log: PooledFile) {
    this.#context = context;
    this.baseOffset = baseOffset;
    this.#nextOffset = baseOffset;
    this.log = log;
    this.#indexes = this.#openIndexes('');
  }

  /** A new, empty segment; its directory entry is not synced. */
  static create(context: SegmentContext, baseOffset: number): Segment {
    const log = context.filePool.open(pathOf(context, baseOffset, logSuffix), 'create');
    return new Segment(context, baseOffset, log);
  }

  /** A segment whose log file exists; how much of it counts is told by `adopt` or by a scan. */
  static existing(context: SegmentContext, baseOffset: number): Segment {
    const { files, filePool } = context;
    const path = pathOf(context, baseOffset, logSuffix);
    // Not opened yet: a log may have thousands of segments, of which few are read.
    const segment = new Segment(context, baseOffset, new PooledFile(files, filePool, path, 'write'));
    segment.#sizeBytes = files.stat(path)?.sizeBytes ?? 0;
    return segment;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get nextOffset(): number {
    return this.#nextOffset;
  }

  get isEmpty(): boolean {
    return this.#sizeBytes === 0;
  }

  get areIndexesFull(): boolean {
    return this.#indexes.isFull;
  }

  /** As the time index says, unchecked: enough to choose by, not to delete by. -1 when there is none. */
  get claimedLargestTimestamp(): number {
    return this.#indexes.largestTimestamp.timestampMs;
  }

  path(suffix: string): string {
    return pathOf(this.#context, this.baseOffset, suffix);
  }

  /** Whether an append that ends at this offset, of this size, can be indexed here. */
  canHold(lastOffset: number, bytes: number): boolean {
    return lastOffset - this.baseOffset <= maxRelative && this.#sizeBytes + bytes <= maxRelative;
  }

  /**
   * Writes whole batches at the end. All or nothing: when the write fails, what was written of it is cut off again,
   * and the error of the write is thrown; `onTornTail` is called when even that fails.
   */
  write(bytes: Uint8Array, onTornTail: (cause: unknown) => void): void {
    const position = this.#sizeBytes;
    try {
      writeFully(this.log, bytes, 0, bytes.length, position);
    } catch (error) {
      if (isOutOfHandles(error)) throw error;
      try {
        this.log.truncate(position);
        this.isDirty = true;
      } catch (truncateError) {
        onTornTail(truncateError);
      }
      throw error;
    }
    this.isDirty = true;
  }

  /** Counts a batch that lies at the end of what counted so far, and indexes it when it is time. */
  note(batch: BatchView): void {
    const position = this.#sizeBytes;
    const { lastOffset, maxTimestamp } = batch;
    assert(
      lastOffset >= this.#nextOffset,
      `offsets ascend: ${lastOffset} after ${this.#nextOffset} in ${this.log.path}`,
    );
    this.#indexes.note(lastOffset - this.baseOffset, maxTimestamp, position, this.#context.indexIntervalBytes());
    this.#sizeBytes = position + batch.sizeBytes;
    this.#nextOffset = lastOffset + 1;
  }

  /** No more is appended: completes the indexes and writes them. */
  seal(): void {
    this.#isSealed = true;
    this.#indexes.complete();
  }

  /** Makes both indexes durable. False when there was no room to write them. */
  syncIndexes(): Promise<boolean> {
    return this.#indexes.sync();
  }

  /**
   * Takes over the files as they are, and reads none of them: for a segment that is known to be synced and is not the
   * active one. `nextOffset` is where the next segment begins. False when an index is missing or no index.
   */
  adopt(nextOffset: number): boolean {
    this.#nextOffset = nextOffset;
    this.#isSealed = true;
    this.#isTimeIndexChecked = false;
    const { files } = this.#context;
    const offsets = files.stat(this.path(offsetIndexSuffix));
    const times = files.stat(this.path(timeIndexSuffix));
    return offsets !== undefined && times !== undefined && this.#indexes.load(offsets.sizeBytes, times.sizeBytes);
  }

  /** Whether what `adopt` took over is in order. Reads both indexes from end to end. */
  areIndexesInOrder(): boolean {
    const { offsets, times } = this.#indexes;
    return (
      offsets.isInOrder(maxRelative, this.log.sizeBytes() - 1) && times.isInOrder(Number.MAX_SAFE_INTEGER, maxRelative)
    );
  }

  /**
   * Whether `rewindTo` would take from the time index only what it should: entries that were made later. One that was
   * made before and whose offset is damaged would go with them, and the largest timestamp with it.
   */
  async canRewindTo(offset: number): Promise<boolean> {
    const { offsets, times } = this.#indexes;
    const kept = offsets.lastBelow(offset - this.baseOffset);
    const dropped = times.firstWithValueAbove(kept?.key ?? -1);
    return dropped === undefined || (await this.#isInLog(dropped.key, this.baseOffset + dropped.value));
  }

  /**
   * Forgets all from the batch that the last entry of the offset index below `offset` points at, and returns where
   * that batch begins: a scan from there, calling `note` for each batch, makes the rest anew.
   */
  rewindTo(offset: number): SegmentPlace {
    this.#indexes.rewindTo(offset - this.baseOffset);
    this.#isSealed = false;
    this.#isTimeIndexChecked = false;
    const { last } = this.#indexes.offsets;
    this.#sizeBytes = last?.value ?? 0;
    if (last === undefined) {
      this.#nextOffset = this.baseOffset;
      return { position: 0, lastOffset: undefined };
    }
    // The batch at the entry is noted again: the segment ends before it.
    const lastOffset = this.baseOffset + last.key;
    this.#nextOffset = Math.min(lastOffset, offset);
    return { position: last.value, lastOffset };
  }

  /** Begins anew, as if nothing counted: for a scan from the start. */
  restart(): SegmentPlace {
    this.#indexes.clear();
    this.#isSealed = false;
    this.#isTimeIndexChecked = true;
    this.#sizeBytes = 0;
    this.#nextOffset = this.baseOffset;
    return { position: 0, lastOffset: undefined };
  }

  /** Cuts the log file off at the end of what counts. */
  cutFile(): void {
    this.log.truncate(this.#sizeBytes);
    this.isDirty = true;
  }

  /** Where to begin looking for an offset of this segment. Undefined when the index is damaged. */
  async placeOf(offset: number): Promise<SegmentPlace | undefined> {
    const floor = await this.#indexes.offsets.floor(offset - this.baseOffset);
    if (floor.isDamaged) return undefined;
    if (floor.entry === undefined) return { position: 0, lastOffset: undefined };
    return { position: floor.entry.value, lastOffset: this.baseOffset + floor.entry.key };
  }

  /** The largest timestamp of the segment's batches, checked against the log: retention deletes by it. -1: none. */
  async largestTimestamp(): Promise<number> {
    if (!(await this.isTimeIndexTrue())) await this.rebuildIndexes();
    return this.claimedLargestTimestamp;
  }

  /** Whether the last entry of the time index agrees with the log; asked once. */
  async isTimeIndexTrue(): Promise<boolean> {
    const { last, count } = this.#indexes.times;
    if (this.#isTimeIndexChecked || count === 0) return true;
    if (last === undefined) return false;
    this.#isTimeIndexChecked = await this.#isInLog(last.key, this.baseOffset + last.value);
    return this.#isTimeIndexChecked;
  }

  /**
   * Where to begin looking for the first record at or after a time: all records before that batch are earlier.
   *
   * It is the entry before the one that was looked for, at the price of reading one interval more: were the entry
   * itself damaged, the one before it is not, and the order of the two was checked.
   */
  async placeOfTimestamp(timestampMs: number): Promise<SegmentPlace | undefined> {
    const floor = await this.#indexes.times.floor(timestampMs);
    if (floor.isDamaged) return undefined;
    if (floor.previous === undefined) return { position: 0, lastOffset: undefined };
    return this.placeOf(this.baseOffset + floor.previous.value);
  }

  /**
   * Makes both indexes anew from the log, of a segment that is not the active one. The old ones are in use until the
   * new ones are durable and take their names: after a crash there is no telling an index that was half written from
   * a whole one.
   */
  rebuildIndexes(): Promise<void> {
    assert(this.#isSealed, 'only the indexes of a closed segment are made anew');
    this.#rebuilding ??= this.#rebuild().finally(() => {
      this.#rebuilding = undefined;
    });
    return this.#rebuilding;
  }

  /**
   * After an index was found to be wrong. In a segment that is still written, they begin anew at its end: the older
   * part is found by reading from the start, until the segment is opened the next time.
   */
  async renewIndexes(): Promise<void> {
    if (this.#isSealed) return this.rebuildIndexes();
    this.#context.logger.warn('an index of the active segment was damaged', { path: this.log.path });
    this.#indexes.beginAt(this.#sizeBytes);
  }

  close(): void {
    this.log.close();
    this.#indexes.close();
  }

  /** Removes the files. Reads in flight end well. */
  remove(): void {
    this.isRemoved = true;
    this.log.close();
    this.#indexes.close();
    const { files } = this.#context;
    // The log goes first: without it the others mean nothing, while indexes that are missing cost a scan.
    for (const suffix of [logSuffix, offsetIndexSuffix, timeIndexSuffix]) {
      const path = this.path(suffix);
      if (files.stat(path) !== undefined) files.removeFile(path);
    }
  }

  async #rebuild(): Promise<void> {
    this.#context.logger.warn('making the indexes of a segment anew', { path: this.log.path });
    const indexes = this.#openIndexes(temporarySuffix);
    indexes.clear();
    let expected = this.baseOffset;
    const intervalBytes = this.#context.indexIntervalBytes();
    const range = { from: 0, to: this.#sizeBytes };
    const end = await scanBatches(this.log, range, { verifyCrc: true }, (batch, position) => {
      const { baseOffset, lastOffset, maxTimestamp } = batch;
      if (baseOffset < expected || lastOffset >= this.#nextOffset)
        return `a batch at offset ${baseOffset} where ${expected} is next`;
      expected = lastOffset + 1;
      indexes.note(lastOffset - this.baseOffset, maxTimestamp, position, intervalBytes);
      return undefined;
    });
    if (end.problem !== undefined) throw corruptLog(this.log.path, end.position, end.problem);
    indexes.complete();
    // Without room on the disk they stay in memory, and are made anew once more when the log is opened again.
    if (await indexes.sync()) {
      indexes.offsets.rename(this.path(offsetIndexSuffix));
      indexes.times.rename(this.path(timeIndexSuffix));
      await this.#context.files.syncDirectory(this.#context.directory);
    }
    this.#indexes.close();
    this.#indexes = indexes;
    this.#isTimeIndexChecked = true;
  }

  #openIndexes(suffix: string): SegmentIndexes {
    const { filePool, logger, maxIndexBytes } = this.#context;
    const offsetIndexPath = this.path(offsetIndexSuffix) + suffix;
    const timeIndexPath = this.path(timeIndexSuffix) + suffix;
    return new SegmentIndexes({ filePool, logger, maxIndexBytes, offsetIndexPath, timeIndexPath });
  }

  /** Whether a batch of the log ends at this offset and has this timestamp. */
  async #isInLog(timestampMs: number, lastOffset: number): Promise<boolean> {
    const place = await this.placeOf(lastOffset);
    if (place === undefined) return false;
    let isTrue = false;
    const range = { from: place.position, to: this.log.sizeBytes() };
    const end = await scanBatches(this.log, range, { verifyCrc: true, pieceBytes: smallPieceBytes }, (batch) => {
      if (batch.lastOffset < lastOffset) return undefined;
      isTrue = batch.lastOffset === lastOffset && batch.maxTimestamp === timestampMs;
      return stop;
    });
    if (end.problem !== undefined) {
      this.#context.logger.warn('an index points at no batch', { path: this.log.path, problem: end.problem });
    }
    return isTrue;
  }
}

const smallPieceBytes = 64 * 1024;

function pathOf(context: SegmentContext, baseOffset: number, suffix: string): string {
  return `${context.directory}/${segmentName(baseOffset, suffix)}${context.nameSuffix ?? ''}`;
}
