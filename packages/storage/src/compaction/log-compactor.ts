/**
 * Compacts one log: of the records with one key only the newest stays.
 *
 *     1. read the dirty part, noting the newest offset of each key           until its end, or the map is full
 *     2. read everything up to there, batch by batch, and write what stays   into new segments, group by group
 *     3. swap each new segment for those it was made from                    segment-swap.ts
 *
 * Groups go in ascending order, each durable before the next: a tombstone can only go once every older record of its
 * key is gone. Reads and appends go on meanwhile, and all reading here is off the event loop.
 *
 * The owner of the log sees to it that nothing else takes segments away during a run (retention, truncation, reset).
 */
import { assert, type Clock, type FileSystem, type Logger } from '@millrace/base';
import { compressions, loadCompression, BatchView } from '@millrace/record';
import type { LogConfig } from '../log-config.js';
import { scanBatches, stop } from '../segment/scan-batches.js';
import { Segment, type SegmentContext } from '../segment/segment.js';
import { corruptLog } from '../storage-errors.js';
import { BatchCompactor } from './batch-compactor.js';
import { readCleanOffset, writeCleanOffset } from './clean-offset-checkpoint.js';
import { compactable, dirtyRatio, groupSegments } from './compaction-plan.js';
import { OffsetMap } from './offset-map.js';
import { RawRecords } from './raw-records.js';
import { cleanedSuffix, cleanedToSwap, removeUnfinished, swapSuffix, swapToFinal } from './segment-swap.js';

/** The log that is compacted. */
export interface CompactionHost {
  /** All segments, ascending; the last is the active one. */
  readonly segments: readonly Segment[];
  readonly startOffset: number;
  readonly segmentContext: SegmentContext;
  /** The last offset of the newest batch of a producer that is remembered; undefined when it is not. */
  lastOffsetOf(producerId: number): number | undefined;
  /** Takes `replacement` into the log where `old` were. The old segments are closed afterwards, their files removed. */
  replace(old: readonly Segment[], replacement: Segment): void;
  /** A swap stopped half way: the log must not be used until it is opened again, which finishes or undoes it. */
  fail(cause: unknown): void;
}

export interface LogCompactorOptions {
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The partition's directory. */
  readonly directory: string;
  /** For the keys of one run; what they do not fit is left for the next. */
  readonly memoryBytes?: number;
}

export interface CompactionResult {
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/** Room for half a million keys. */
const defaultMemoryBytes = 16 * 1024 * 1024;
const minMemoryBytes = 64 * 1024;
/** Read at a time: other work gets its turn after each piece, and a record takes some microseconds. */
const pieceBytes = 64 * 1024;
/** A batch that grows beyond this when decompressed is left as it is. */
const maxDecompressedBytes = 64 * 1024 * 1024;

export class LogCompactor {
  readonly #options: LogCompactorOptions;
  #cleanOffset: number;
  /** When the first tombstone that was seen may go; a log with no new record is compacted for it all the same. */
  #nextHorizonMs = Infinity;
  #isStopped = false;

  constructor(options: LogCompactorOptions) {
    this.#options = options;
    this.#cleanOffset = readCleanOffset(options.files, options.directory);
  }

  /** Up to where one record is left for each key. */
  get cleanOffset(): number {
    return this.#cleanOffset;
  }

  /** Records from `endOffset` on are about to be cut off, and others will take their place. Durable when resolved. */
  async truncate(endOffset: number): Promise<void> {
    const offset = Math.max(1, endOffset);
    // Nothing is written for a log that is only marked: it must open on a full disk.
    if (offset < this.#cleanOffset) await this.#setCleanOffset(offset);
  }

  /**
   * Offsets are about to be missing. Who opens the log takes gaps for damage unless the file says that it was compacted:
   * the topic's config is not known by then. Up to 1 is true of any log, for one record has no other before it. Durable
   * when resolved.
   */
  async markGaps(): Promise<void> {
    if (this.#cleanOffset === 0) await this.#setCleanOffset(1);
  }

  /** Ends a run, without harm, at the next batch, or after the swap that is under way; there will be no other. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Compacts once when there is enough to gain; undefined when there is not, or when it was stopped. */
  async run(host: CompactionHost, highWatermark: number, config: LogConfig): Promise<CompactionResult | undefined> {
    const segments = compactable(host.segments, highWatermark);
    const first = segments[0];
    const last = segments.at(-1);
    if (first === undefined || last === undefined) return undefined;
    const nowMs = this.#options.clock.wallMs();
    // After a truncation that this process did not see, the mark may lie past the end.
    const cleanOffset = Math.min(this.#cleanOffset, last.nextOffset);
    const ratio = dirtyRatio(segments, cleanOffset);
    const isDirty = ratio > 0 && ratio >= config.minCleanableDirtyRatio;
    if (!isDirty && nowMs < this.#nextHorizonMs) return undefined;
    for (const compression of compressions) await loadCompression(compression);
    const map = new OffsetMap(this.#mapBytes(segments, cleanOffset));
    const mapEndOffset = await this.#readKeys(segments, cleanOffset, map);
    if (this.#isStopped) return undefined;
    const compactor = new BatchCompactor({
      map,
      mapEndOffset,
      nowMs,
      deleteRetentionMs: config.deleteRetentionMs,
      maxDecompressedBytes,
      lastOffsetOf: (producerId) => host.lastOffsetOf(producerId),
    });
    // Before the first offset goes.
    await this.markGaps();
    const known = segments.filter((segment) => segment.baseOffset < mapEndOffset);
    let bytesBefore = 0;
    let bytesAfter = 0;
    for (const group of groupSegments(known, config)) {
      bytesBefore += group.reduce((sum, segment) => sum + segment.sizeBytes, 0);
      const groupBytes = await this.#compactGroup(host, group, compactor);
      if (groupBytes === undefined) return undefined;
      bytesAfter += groupBytes;
    }
    await this.#setCleanOffset(mapEndOffset);
    this.#nextHorizonMs = compactor.nextHorizonMs;
    const { directory } = this.#options;
    this.#options.logger.info('compacted a log', { directory, bytesBefore, bytesAfter, mapEndOffset, keys: map.size });
    return { bytesBefore, bytesAfter };
  }

  async #setCleanOffset(offset: number): Promise<void> {
    await writeCleanOffset(this.#options.files, this.#options.directory, offset);
    this.#cleanOffset = offset;
  }

  /** What the dirty part can need when its records are as small as can be, within the bound. */
  #mapBytes(segments: readonly Segment[], cleanOffset: number): number {
    let dirtyBytes = 0;
    for (const segment of segments) if (segment.nextOffset > cleanOffset) dirtyBytes += segment.sizeBytes;
    return Math.min(this.#options.memoryBytes ?? defaultMemoryBytes, Math.max(minMemoryBytes, dirtyBytes * 5));
  }

  /** Fills the map from the dirty part; returns the offset up to which it knows all records. */
  async #readKeys(segments: readonly Segment[], cleanOffset: number, map: OffsetMap): Promise<number> {
    let endOffset = cleanOffset;
    for (const segment of segments) {
      if (segment.nextOffset <= cleanOffset) continue;
      const isWhole = await forEachBatch(segment, (batch) => {
        if (batch.lastOffset < cleanOffset) return undefined;
        if (this.#isStopped || !addKeys(batch, map)) return stop;
        endOffset = batch.nextOffset;
        return undefined;
      });
      if (!isWhole) return endOffset;
      endOffset = segment.nextOffset;
    }
    return endOffset;
  }

  /** Writes what stays of these segments into one, and swaps it in; returns its size, undefined when stopped before. */
  async #compactGroup(
    host: CompactionHost,
    group: readonly Segment[],
    compactor: BatchCompactor,
  ): Promise<number | undefined> {
    const { files, directory } = this.#options;
    const baseOffset = group[0]?.baseOffset ?? -1;
    const nextOffset = group.at(-1)?.nextOffset ?? -1;
    assert(baseOffset >= 0 && nextOffset >= baseOffset, 'a group of segments has a first and a last');
    const place = { files, directory, baseOffset };
    removeUnfinished(place);
    let isWhole = false;
    try {
      isWhole = await this.#writeCleaned(host, group, compactor);
    } finally {
      if (!isWhole) removeUnfinished(place);
    }
    if (!isWhole) return undefined;
    try {
      return await this.#swap(host, group, { baseOffset, nextOffset });
    } catch (error) {
      host.fail(error);
      throw error;
    }
  }

  async #swap(
    host: CompactionHost,
    group: readonly Segment[],
    range: { readonly baseOffset: number; readonly nextOffset: number },
  ): Promise<number> {
    const { files, directory } = this.#options;
    const { baseOffset, nextOffset } = range;
    const place = { files, directory, baseOffset };
    cleanedToSwap(place);
    await files.syncDirectory(directory);
    const swapped = Segment.existing({ ...host.segmentContext, nameSuffix: swapSuffix }, baseOffset);
    if (!swapped.adopt(nextOffset)) await swapped.rebuildIndexes();
    host.replace(group, swapped);
    for (const segment of group) segment.remove();
    await files.syncDirectory(directory);
    // From here to the replacement nothing is awaited: nobody can read the segment while its files change names.
    swapToFinal(place);
    const final = Segment.existing(host.segmentContext, baseOffset);
    const hasIndexes = final.adopt(nextOffset);
    host.replace([swapped], final);
    swapped.isRemoved = true;
    swapped.close();
    await files.syncDirectory(directory);
    if (!hasIndexes) await final.rebuildIndexes();
    return final.sizeBytes;
  }

  /** False when it was stopped. */
  async #writeCleaned(host: CompactionHost, group: readonly Segment[], compactor: BatchCompactor): Promise<boolean> {
    const baseOffset = group[0]?.baseOffset ?? -1;
    const output = Segment.create({ ...host.segmentContext, nameSuffix: cleanedSuffix }, baseOffset);
    const view = new BatchView();
    try {
      for (const segment of group) {
        const isWhole = await forEachBatch(segment, (batch) => {
          if (this.#isStopped) return stop;
          // Records below the log's start were deleted: they need not be carried along.
          const bytes = batch.lastOffset < host.startOffset ? undefined : compactor.compact(batch);
          if (bytes === undefined) return undefined;
          output.write(bytes, (cause) => {
            throw cause;
          });
          output.note(view.at(bytes, 0));
          return undefined;
        });
        if (!isWhole) return false;
        assert(!segment.isRemoved, 'nothing takes segments away from a log that is being compacted');
      }
      output.seal();
      await output.log.sync();
      await output.syncIndexes();
      return true;
    } finally {
      output.close();
    }
  }
}

/** False, and nothing is added, when the map has no room for all of the batch's records. */
function addKeys(batch: BatchView, map: OffsetMap): boolean {
  if (batch.isControl || batch.isTransactional || batch.recordCount === 0) return true;
  if (map.size === 0) map.growEmpty(batch.recordCount);
  if (map.size + batch.recordCount > map.capacity) return false;
  const records = RawRecords.over(batch, maxDecompressedBytes);
  while (records?.next() === true) if (records.key !== undefined) map.set(records.key, records.offset);
  return true;
}

/** Shows each batch until one is answered with `stop`; returns whether none was. */
async function forEachBatch(segment: Segment, visit: (batch: BatchView) => typeof stop | undefined): Promise<boolean> {
  const range = { from: 0, to: segment.sizeBytes };
  const end = await scanBatches(segment.log, range, { verifyCrc: true, pieceBytes }, visit);
  if (end.problem !== undefined) throw corruptLog(segment.log.path, end.position, end.problem);
  return end.position === range.to;
}
