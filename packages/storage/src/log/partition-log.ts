/**
 * One durable partition log.
 *
 *      startOffset                    recoveryPoint      syncedEndOffset     endOffset
 *          |                               |                    |               |
 *     | segment | segment | segment | active segment ...........................|
 *                                                       | tail, in memory       |
 *
 * - Appends go into the page cache, synchronously, and into the tail cache; `sync` makes them durable.
 * - `syncedEndOffset` moves when the file is synced, the ones before it were, and its directory entry is: all below it
 *   survives a power cut.
 * - What takes records away (truncation, deletion, retention, compaction) is done one at a time, and makes durable
 *   first what keeps the log readable if it is interrupted.
 *
 * The states of a log:
 *     open -> offline   a sync failed, a write could not be undone, or a file was found damaged. For good: after a
 *                       failed sync nothing is known of the pages since the last good one. Opening again recovers.
 *     open -> closed    `close`
 * A full disk is not one of them: the append is undone and refused, and the next one may succeed.
 *
 * Invariants: startOffset <= endOffset; recoveryPoint <= syncedEndOffset <= endOffset; offsets are dense (but for
 * those that compaction took); all segments but the last are closed.
 */
import { assert, errorCode, errorMessage, MillraceError } from '@millrace/base';
import { BatchView, patchBatch } from '@millrace/record';
import { readCleanOffset } from '../compaction/clean-offset-checkpoint.js';
import { type CompactionHost, type CompactionResult, LogCompactor } from '../compaction/log-compactor.js';
import { prepareToRequireKeys } from '../compaction/require-keys.js';
import { writeLeaderEpochCheckpoint } from '../epoch/leader-epoch-checkpoint.js';
import type { EpochEnd, LeaderEpochHistory } from '../epoch/leader-epoch-history.js';
import type { FilePool } from '../file-pool.js';
import { isCompacted, type LogConfig } from '../log-config.js';
import type { AppendOrigin } from '../producer-state/producer-batch.js';
import { ProducerSnapshots } from '../producer-state/producer-snapshots.js';
import { ProducerState } from '../producer-state/producer-state.js';
import { recoverLog, recoverProducers } from '../recovery/recover-log.js';
import { LogBounds } from '../recovery/log-bounds.js';
import { decideRetention, type RetainedSegment } from '../retention/retention.js';
import { Segment, type SegmentContext } from '../segment/segment.js';
import type { StorageEnvironment } from '../storage-environment.js';
import { diskFull, isDiskFull, isOutOfHandles, offsetOutOfRange, storageFailed } from '../storage-errors.js';
import { GroupSync } from './group-sync.js';
import { inspectAppend, type InspectedAppend } from './inspect-append.js';
import type { LogCheckpoints } from './log-checkpoints.js';
import { LogReader, type ReadableLog, type ReadResult, undisturbed } from './log-reader.js';
import { ReadBuffers } from './read-buffers.js';
import { floorSegment } from './segment-list.js';
import { SerialQueue } from './serial-queue.js';
import { storageMetrics, type StorageMetrics } from './storage-metrics.js';
import { TailCache, TailCacheBudget } from './tail-cache.js';
import { findTimestamp, largestTimestampSince, type TimestampedOffset } from './timestamp-lookup.js';
import { cutSegment, findCut } from './truncation.js';

export interface PartitionLogOptions {
  /** The partition's own directory, which exists. */
  readonly directory: string;
  readonly topicId: string;
  readonly partition: number;
  readonly config: LogConfig;
  readonly filePool: FilePool;
  readonly checkpoints: LogCheckpoints;
  /** All below is known to be synced, and so are the derived files that describe it. */
  readonly recoveryPoint: number;
  readonly startOffset: number;
  /** Whether the log was closed in order: nothing is scanned then. */
  readonly cleanShutdown: boolean;
  /** What logs share. Each has its own when left out. */
  readonly memory?: LogMemory;
  /** Throws when so many bytes more must not be written to the disk. */
  readonly admit?: (bytes: number) => void;
  /** A segment is rolled when one of its indexes would grow past this. */
  readonly maxIndexBytes?: number;
}

/** Memory that the logs of a node share, so that it is bounded whatever their number. */
export interface LogMemory {
  readonly tails: TailCacheBudget;
  readonly buffers: ReadBuffers;
}

export interface AppendOptions {
  readonly origin: AppendOrigin;
  /** Of the leader that appends; a replica's batches bring their own. */
  readonly leaderEpoch: number;
}

export interface AppendResult {
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** -1 unless the topic stamps records with the time of their append. */
  readonly logAppendTimeMs: number;
  /** The batch was appended before, at these offsets: nothing was written now. */
  readonly duplicate: boolean;
}

/** Kafka's `segment.index.bytes`. */
const defaultMaxIndexBytes = 10 * 1024 * 1024;
/** Of one log; all together are bounded by `LogMemory`. */
const maxTailBytes = 4 * 1024 * 1024;
const defaultTailBudgetBytes = 64 * 1024 * 1024;
const defaultBufferBytes = 16 * 1024 * 1024;
const noBytes = new Uint8Array(0);

export function createLogMemory(): LogMemory {
  return { tails: new TailCacheBudget(defaultTailBudgetBytes), buffers: new ReadBuffers(defaultBufferBytes) };
}

export class PartitionLog {
  /** Called after `syncedEndOffset` moved. */
  onSynced: (() => void) | undefined;
  /** Called once, when the log goes offline. */
  onOffline: ((reason: MillraceError) => void) | undefined;

  readonly #environment: StorageEnvironment;
  readonly #options: PartitionLogOptions;
  readonly #metrics: StorageMetrics;
  readonly #context: SegmentContext;
  readonly #producers: ProducerState;
  readonly #snapshots: ProducerSnapshots;
  readonly #compactor: LogCompactor;
  readonly #bounds: LogBounds;
  readonly #tail: TailCache;
  readonly #reader: LogReader;
  readonly #readable: ReadableLog;
  readonly #groupSync = new GroupSync(() => this.#runSync());
  /** What takes records away, and what must not run beside it. */
  readonly #maintenance = new SerialQueue();
  readonly #view = new BatchView();
  #config: LogConfig;
  #allowsGaps: boolean;
  #segments: Segment[] = [];
  #epochs!: LeaderEpochHistory;
  /** Whether the last write of the epoch history that began has all of it. */
  #areEpochsSaved = true;
  #epochSaving: Promise<void> | undefined;
  #generation = 0;
  #startOffset: number;
  #endOffset = 0;
  #syncedEndOffset = 0;
  #recoveryPoint: number;
  /** Whether a segment was created that no finished sync of the directory covers. */
  #isDirectoryDirty = false;
  /** While the end of the log is being cut off nothing is appended, and new reads wait. */
  #cut: Promise<void> | undefined;
  #isClosed = false;
  #offlineReason: MillraceError | undefined;

  /** Never rejects for what the files hold: the log is then offline, and says why. */
  static async open(environment: StorageEnvironment, options: PartitionLogOptions): Promise<PartitionLog> {
    const log = new PartitionLog(environment, options);
    try {
      await log.#recover();
    } catch (error) {
      log.#goOffline(error);
    }
    return log;
  }

  private constructor(environment: StorageEnvironment, options: PartitionLogOptions) {
    const { files, logger, clock } = environment;
    const { directory, filePool, config } = options;
    const memory = options.memory ?? createLogMemory();
    if (isCompacted(config)) prepareToRequireKeys(logger);
    this.#environment = environment;
    this.#options = options;
    this.#config = config;
    this.#metrics = storageMetrics(environment.metrics);
    this.#allowsGaps = isCompacted(config) || readCleanOffset(files, directory) > 0;
    this.#context = {
      files,
      filePool,
      logger,
      directory,
      maxIndexBytes: options.maxIndexBytes ?? defaultMaxIndexBytes,
      indexIntervalBytes: () => this.#config.indexIntervalBytes,
    };
    const partitionName = directory.slice(directory.lastIndexOf('/') + 1);
    this.#producers = new ProducerState({ partitionName, expirationMs: config.producerIdExpirationMs });
    this.#snapshots = new ProducerSnapshots({ files, logger, directory });
    this.#compactor = new LogCompactor({ files, clock, logger, directory });
    this.#bounds = new LogBounds({ files, filePool, logger, directory });
    this.#startOffset = options.startOffset;
    this.#endOffset = options.startOffset;
    this.#syncedEndOffset = options.startOffset;
    this.#recoveryPoint = Math.min(options.recoveryPoint, options.startOffset);
    this.#tail = new TailCache(memory.tails, { maxBytes: maxTailBytes, endOffset: options.startOffset });
    this.#readable = this.#asReadable();
    this.#reader = new LogReader(this.#readable, { buffers: memory.buffers, logger, directory });
  }

  get directory(): string {
    return this.#options.directory;
  }

  get topicId(): string {
    return this.#options.topicId;
  }

  get partition(): number {
    return this.#options.partition;
  }

  get startOffset(): number {
    return this.#startOffset;
  }

  get endOffset(): number {
    return this.#endOffset;
  }

  get syncedEndOffset(): number {
    return this.#syncedEndOffset;
  }

  /** What the directory may store as this log's recovery point. */
  get recoveryPoint(): number {
    return this.#recoveryPoint;
  }

  get sizeBytes(): number {
    let sizeBytes = 0;
    for (const segment of this.#segments) sizeBytes += segment.sizeBytes;
    return sizeBytes;
  }

  get segmentCount(): number {
    return this.#segments.length;
  }

  /** Of the last batch; -1 when there is none. */
  get leaderEpoch(): number {
    return this.#isRecovered ? this.#epochs.latestEpoch : -1;
  }

  get epochs(): readonly { readonly epoch: number; readonly startOffset: number }[] {
    return this.#isRecovered ? this.#epochs.entries : [];
  }

  /** The largest timestamp of all batches, as far as the time indexes are right; -1 when there is none. */
  get maxTimestamp(): number {
    let largest = -1;
    for (const segment of this.#segments) largest = Math.max(largest, segment.claimedLargestTimestamp);
    return largest;
  }

  get config(): LogConfig {
    return this.#config;
  }

  get isOffline(): boolean {
    return this.#offlineReason !== undefined;
  }

  get offlineReason(): MillraceError | undefined {
    return this.#offlineReason;
  }

  setConfig(config: LogConfig): void {
    this.#config = config;
    this.#producers.setExpirationMs(config.producerIdExpirationMs);
    // What compaction took stays taken when the topic is no longer compacted.
    this.#allowsGaps ||= isCompacted(config);
    if (isCompacted(config)) prepareToRequireKeys(this.#environment.logger);
  }

  /**
   * Appends whole batches, which are patched in place: offsets, leader epoch, and the time of the append where the
   * topic has it. All or nothing. Readable at once, durable after `sync`.
   *
   * Throws what is wrong with the batches, `LOG_DISK_FULL` (retriable, with the batches encoded anew), or
   * `KAFKA_STORAGE_ERROR`.
   */
  append(bytes: Uint8Array, { origin, leaderEpoch }: AppendOptions): AppendResult {
    this.#assertUsable();
    assert(this.#cut === undefined, 'nothing is appended while the end of the log is cut off');
    const nowMs = this.#environment.clock.wallMs();
    const inspected = inspectAppend(bytes, {
      origin,
      endOffset: this.#endOffset,
      latestEpoch: this.#epochs.latestEpoch,
      allowsGaps: this.#allowsGaps,
      config: this.#config,
      nowMs,
      producers: this.#producers,
    });
    if (inspected.duplicate !== undefined) return this.#duplicateResult(inspected.duplicate);
    const isReplica = origin === 'replica';
    const isStamped = !isReplica && this.#config.timestampType === 'LogAppendTime';
    if (!isReplica) {
      this.#requireEpoch(leaderEpoch);
      this.#patch(bytes, inspected, { leaderEpoch, logAppendTimeMs: isStamped ? nowMs : undefined });
    }
    const baseOffset = this.#view.at(bytes, 0).baseOffset;
    const lastOffset = inspected.lastOffsets.at(-1) ?? -1;
    this.#options.admit?.(bytes.length);
    const segment = this.#segmentFor(baseOffset, lastOffset, bytes.length, nowMs);
    this.#write(segment, bytes);
    this.#account(segment, bytes, inspected, nowMs);
    return { baseOffset, lastOffset, logAppendTimeMs: isStamped ? nowMs : -1, duplicate: false };
  }

  /** Resolves when all that was appended before the call is durable. */
  sync(): Promise<void> {
    if (this.#offlineReason !== undefined) return Promise.reject(storageFailed(this.directory, this.#offlineReason));
    if (this.#cut !== undefined) return this.#cut.then(() => this.sync());
    if (this.#syncedEndOffset === this.#endOffset && !this.#isDirectoryDirty) return Promise.resolve();
    return this.#groupSync.sync();
  }

  /** As `read`, when memory holds the batch; undefined when it does not. */
  readCached(offset: number, maxBytes: number, endOffset: number): ReadResult | undefined {
    this.#assertUsable();
    this.#requireInRange(offset);
    const limit = Math.min(endOffset, this.#endOffset);
    if (offset >= limit) return { bytes: noBytes };
    const bytes = this.#tail.read(offset, maxBytes, limit);
    return bytes && { bytes };
  }

  /**
   * Whole batches from the one that holds `offset`, up to `maxBytes` but at least one, and none that reaches past
   * `endOffset`. Empty when there is none yet. Throws `OFFSET_OUT_OF_RANGE`, `KAFKA_STORAGE_ERROR`.
   */
  async read(offset: number, maxBytes: number, endOffset: number): Promise<ReadResult> {
    const cached = this.readCached(offset, maxBytes, endOffset);
    if (cached !== undefined) return cached;
    return this.#whileReading(async () => {
      const result = await this.#reader.read({ offset, maxBytes, endOffset: Math.min(endOffset, this.#endOffset) });
      this.#metrics.coldReadBytes.add(result.bytes.length);
      return result;
    });
  }

  /** The first record with this timestamp or a later one. */
  async offsetForTimestamp(timestampMs: number): Promise<TimestampedOffset | undefined> {
    this.#assertUsable();
    return this.#whileReading(() =>
      undisturbed(this.#readable, async (generation) => {
        for (const segment of this.#segments) {
          if (segment.nextOffset <= this.#startOffset) continue;
          if ((await segment.largestTimestamp()) < timestampMs) continue;
          const query = { timestampMs, startOffset: this.#startOffset, generation };
          const found = await findTimestamp(segment, query, this.#readable);
          if (found !== undefined) return found;
        }
        return undefined;
      }),
    );
  }

  /** The first record with the largest timestamp of all; undefined in an empty log. */
  async largestTimestamp(): Promise<TimestampedOffset | undefined> {
    this.#assertUsable();
    const largestMs = await this.#whileReading(() =>
      undisturbed(this.#readable, async () => {
        let largest = -1;
        for (const segment of this.#segments) {
          largest = Math.max(largest, await largestTimestampSince(segment, this.#startOffset));
        }
        return largest;
      }),
    );
    return largestMs < 0 ? undefined : this.offsetForTimestamp(largestMs);
  }

  /** Where the records of a leader epoch end; -1 and -1 when this log cannot say. */
  endOffsetForEpoch(epoch: number): EpochEnd {
    this.#assertUsable();
    return this.#epochs.endOffsetForEpoch(epoch, this.#endOffset);
  }

  /** Removes the records from `offset` on, and those before it that share a batch with it. Durable when resolved. */
  truncateTo(offset: number): Promise<void> {
    return this.#cutting(async () => {
      if (offset >= this.#endOffset) return;
      if (offset < this.#startOffset) throw this.#outOfRange(offset);
      const index = floorSegment(this.#segments, offset);
      const segment = this.#segments[index];
      assert(segment !== undefined, 'a log has a segment for each of its offsets');
      const cut = await findCut(segment, offset);
      // The start offset lies inside a batch, and that batch goes: nothing is left.
      if (cut.offset < this.#startOffset) return this.#reset(this.#startOffset);
      this.#log('truncating a log', { from: this.#endOffset, to: cut.offset });
      await this.#forgetFrom(cut.offset);
      await this.#removeFrom(index + 1);
      await cutSegment(segment, cut);
      await segment.log.sync();
      segment.isDirty = false;
      this.#epochs.truncateFromEnd(cut.offset);
      this.#areEpochsSaved = false;
      await recoverProducers(this.#recoveryContext(), this.#segments, this.#epochs, cut.offset);
    });
  }

  /** Removes all records; the log goes on at `offset`. Durable when resolved. */
  resetTo(offset: number): Promise<void> {
    return this.#cutting(() => this.#reset(offset));
  }

  /** Deletes the records below `offset`: they are not read any more, and files with nothing else in them go. */
  advanceStartOffset(offset: number): Promise<void> {
    return this.#maintain(async () => {
      if (offset <= this.#startOffset) return;
      if (offset > this.#endOffset) throw this.#outOfRange(offset);
      // A start offset must not outlive the records that it stands before.
      if (offset > this.#syncedEndOffset) await this.sync();
      await this.#moveStartOffset(offset);
      await this.#removeBefore(floorSegment(this.#segments, offset));
    });
  }

  /** Removes what the topic's retention lets go, below the high watermark. Returns how many segments went. */
  applyRetention(highWatermark: number): Promise<number> {
    return this.#maintain(async () => {
      this.#producers.expire(this.#environment.clock.wallMs());
      let decision = this.#decideRetention(highWatermark);
      // Nothing is deleted for what an index says until that was found to be true.
      for (let checked = 0; checked < decision.removeCount; decision = this.#decideRetention(highWatermark)) {
        const { removeCount } = decision;
        for (; checked < removeCount; checked++) await this.#segments[checked]?.largestTimestamp();
      }
      if (decision.rollActive) this.#roll(this.#endOffset);
      const { removeCount } = this.#decideRetention(highWatermark);
      const first = this.#segments[removeCount];
      if (removeCount === 0 || first === undefined) return 0;
      if (first.baseOffset > this.#syncedEndOffset) await this.sync();
      if (first.baseOffset > this.#startOffset) await this.#moveStartOffset(first.baseOffset);
      await this.#removeBefore(removeCount);
      return removeCount;
    });
  }

  /** Keeps the newest record of each key, where the topic says so and there is enough to gain. */
  compact(highWatermark: number): Promise<CompactionResult | undefined> {
    return this.#maintain(async () => {
      if (!isCompacted(this.#config)) return undefined;
      return this.#compactor.run(this.#compactionHost(), Math.min(highWatermark, this.#syncedEndOffset), this.#config);
    });
  }

  /** Makes the derived files durable and moves `recoveryPoint` up to where the log ended when this began. */
  advanceRecoveryPoint(): Promise<void> {
    return this.#maintain(() => this.#advanceRecoveryPoint());
  }

  /** Syncs everything and gives the files up; a log that is offline only gives them up. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#compactor.stop();
    try {
      if (!this.isOffline) await this.#maintain(() => this.#advanceRecoveryPoint());
    } finally {
      this.#isClosed = true;
      await this.#groupSync.idle();
      this.#tail.clear(this.#endOffset);
      this.#bounds.close();
      for (const segment of this.#segments) segment.close();
    }
  }

  async #reset(offset: number): Promise<void> {
    this.#log('resetting a log', { from: this.#startOffset, end: this.#endOffset, to: offset });
    await this.#forgetFrom(0);
    await this.#removeFrom(0);
    this.#snapshots.removeAll();
    this.#epochs.clear();
    this.#areEpochsSaved = false;
    await this.#saveEpochs();
    await this.#bounds.save({ syncedOffset: 0, startOffset: offset });
    await this.#options.checkpoints.saveStartOffset(offset);
    this.#segments.push(Segment.create(this.#context, offset));
    await this.#environment.files.syncDirectory(this.directory);
    this.#startOffset = offset;
    this.#endOffset = offset;
    this.#syncedEndOffset = offset;
    this.#recoveryPoint = offset;
    this.#tail.clear(offset);
    this.#producers.clear(offset);
  }

  async #recover(): Promise<void> {
    const { recoveryPoint, cleanShutdown } = this.#options;
    const bounds = this.#bounds.read();
    const startOffset = bounds?.startOffset ?? this.#options.startOffset;
    let distrustedFrom = Number.MAX_SAFE_INTEGER;
    const { segments, epochs, ...recovered } = await recoverLog({
      ...this.#recoveryContext(),
      allowsGaps: this.#allowsGaps,
      cleanShutdown,
      recoveryPoint,
      syncedOffset: Math.max(recoveryPoint, bounds?.syncedOffset ?? 0),
      startOffset,
      distrustFrom: async (offset) => {
        distrustedFrom = offset;
        await this.#options.checkpoints.saveRecoveryPoint(offset);
      },
    });
    this.#segments = segments;
    this.#epochs = epochs;
    this.#areEpochsSaved = recovered.areEpochsSaved;
    this.#startOffset = recovered.startOffset;
    this.#endOffset = this.#active.nextOffset;
    this.#syncedEndOffset = this.#endOffset;
    const trustedEnd = Math.min(this.#endOffset, distrustedFrom);
    this.#recoveryPoint = cleanShutdown ? trustedEnd : Math.min(recoveryPoint, trustedEnd);
    this.#tail.clear(this.#endOffset);
    await this.#compactor.truncate(this.#endOffset);
  }

  #recoveryContext(): {
    readonly context: SegmentContext;
    readonly producers: ProducerState;
    readonly snapshots: ProducerSnapshots;
    readonly nowMs: number;
  } {
    const nowMs = this.#environment.clock.wallMs();
    return { context: this.#context, producers: this.#producers, snapshots: this.#snapshots, nowMs };
  }

  #asReadable(): ReadableLog {
    const log = (): PartitionLog => this;
    return {
      get segments() {
        return log().#segments;
      },
      get generation() {
        return log().#generation;
      },
      get cutting() {
        return log().#cut;
      },
      get allowsGaps() {
        return log().#allowsGaps;
      },
      epochAt: (offset) => this.#epochs.epochAt(offset),
    };
  }

  get #isRecovered(): boolean {
    return this.#segments.length > 0;
  }

  get #active(): Segment {
    const active = this.#segments.at(-1);
    assert(active !== undefined, 'an open log has an active segment');
    return active;
  }

  #duplicateResult(duplicate: NonNullable<InspectedAppend['duplicate']>): AppendResult {
    const { baseOffset, lastOffset, maxTimestamp } = duplicate;
    const logAppendTimeMs = this.#config.timestampType === 'LogAppendTime' ? maxTimestamp : -1;
    return { baseOffset, lastOffset, logAppendTimeMs, duplicate: true };
  }

  #requireEpoch(leaderEpoch: number): void {
    assert(leaderEpoch >= 0, `a leader that appends has an epoch, not ${leaderEpoch}`);
    const latest = this.#epochs.latestEpoch;
    if (leaderEpoch >= latest) return;
    throw new MillraceError(
      'FENCED_LEADER_EPOCH',
      `An append of leader epoch ${leaderEpoch} was refused: the log in ${this.directory} has records of epoch ${latest}`,
    );
  }

  #patch(
    bytes: Uint8Array,
    { ends, lastOffsets }: InspectedAppend,
    { leaderEpoch, logAppendTimeMs }: { readonly leaderEpoch: number; readonly logAppendTimeMs: number | undefined },
  ): void {
    let position = 0;
    let baseOffset = this.#endOffset;
    for (let index = 0; index < ends.length; index++) {
      const patch =
        logAppendTimeMs === undefined ? { baseOffset, leaderEpoch } : { baseOffset, leaderEpoch, logAppendTimeMs };
      patchBatch(bytes, position, patch);
      position = ends[index] ?? 0;
      baseOffset = (lastOffsets[index] ?? 0) + 1;
    }
  }

  #segmentFor(baseOffset: number, lastOffset: number, bytes: number, nowMs: number): Segment {
    const { segmentBytes, segmentMs } = this.#config;
    const active = this.#active;
    const ageMs = nowMs - (active.firstAppendMs ?? nowMs);
    const isFull =
      active.sizeBytes + bytes > segmentBytes || active.areIndexesFull || !active.canHold(lastOffset, bytes);
    return !active.isEmpty && (isFull || ageMs >= segmentMs) ? this.#roll(baseOffset) : active;
  }

  /** Closes the active segment and begins a new one at `baseOffset`. */
  #roll(baseOffset: number): Segment {
    const closed = this.#active;
    assert(!closed.isEmpty && baseOffset >= this.#endOffset, 'a segment that is closed holds records');
    let next: Segment;
    try {
      next = Segment.create(this.#context, baseOffset);
    } catch (error) {
      throw this.#writeError(error);
    }
    closed.seal();
    this.#segments.push(next);
    this.#isDirectoryDirty = true;
    return next;
  }

  #write(segment: Segment, bytes: Uint8Array): void {
    try {
      segment.write(bytes, (cause) => this.#goOffline(cause));
    } catch (error) {
      throw this.#writeError(error);
    }
  }

  /** What the caller of an append is told; the log goes offline unless the next append may succeed. */
  #writeError(error: unknown): MillraceError {
    if (!this.isOffline && isDiskFull(error)) return diskFull(this.directory, error);
    if (!this.isOffline && isOutOfHandles(error)) return this.#outOfHandles(error);
    this.#goOffline(error);
    return storageFailed(this.directory, error);
  }

  #outOfHandles(error: unknown): MillraceError {
    return new MillraceError(
      'KAFKA_STORAGE_ERROR',
      `No file handle is left for the log in ${this.directory}: raise the limit of open files (ulimit -n)`,
      { retriable: true, cause: error },
    );
  }

  /** The bytes are in the file: counts them. Whatever goes wrong here must not leave a log that would reuse offsets. */
  #account(segment: Segment, bytes: Uint8Array, { ends, lastOffsets }: InspectedAppend, nowMs: number): void {
    try {
      let position = 0;
      for (const end of ends) {
        const batch = this.#view.at(bytes, position);
        segment.note(batch);
        if (this.#epochs.assign(batch.leaderEpoch, batch.baseOffset)) this.#areEpochsSaved = false;
        this.#producers.apply(batch, nowMs);
        position = end;
      }
      segment.firstAppendMs ??= nowMs;
      segment.lastAppendMs = nowMs;
      this.#endOffset = segment.nextOffset;
      this.#tail.append(bytes, lastOffsets, ends);
      this.#metrics.appendedBytes.add(bytes.length);
    } catch (error) {
      this.#goOffline(error);
      throw error;
    }
    if (!this.#areEpochsSaved) this.#saveEpochsSoon();
  }

  async #runSync(): Promise<void> {
    // Who waited behind a sync that failed: another one would say it went well, and prove nothing.
    if (this.#offlineReason !== undefined) throw storageFailed(this.directory, this.#offlineReason);
    const { clock } = this.#environment;
    const startMs = clock.monotonicMs();
    const before = this.#syncedEndOffset;
    try {
      // Those that are dirty now were created before the directory is synced; later ones are for the next run.
      const dirty = this.#segments.filter((segment) => segment.isDirty);
      const endBefore = this.#endOffset;
      await this.#syncNewNames();
      await this.#saveEpochs();
      for (const segment of dirty) {
        const endOffset = segment.nextOffset;
        await this.#syncSegment(segment);
        this.#syncedEndOffset = Math.max(this.#syncedEndOffset, endOffset);
      }
      // What was not dirty had been synced on another occasion: by a truncation.
      this.#syncedEndOffset = Math.max(this.#syncedEndOffset, endBefore);
    } catch (error) {
      // Nothing was synced, and nothing failed to be: the next run may.
      if (isOutOfHandles(error) && !this.isOffline) throw this.#outOfHandles(error);
      if (isDiskFull(error) && !this.isOffline) throw diskFull(this.directory, error);
      this.#goOffline(error);
      throw storageFailed(this.directory, error);
    }
    this.#metrics.syncSeconds.record((clock.monotonicMs() - startMs) / 1000);
    if (this.#syncedEndOffset === before) return;
    this.#bounds.note({ syncedOffset: this.#syncedEndOffset, startOffset: this.#startOffset });
    this.onSynced?.();
  }

  async #syncNewNames(): Promise<void> {
    if (!this.#isDirectoryDirty) return;
    this.#isDirectoryDirty = false;
    try {
      await this.#environment.files.syncDirectory(this.directory);
    } catch (error) {
      this.#isDirectoryDirty = true;
      throw error;
    }
  }

  async #syncSegment(segment: Segment): Promise<void> {
    // Opens the file when the pool had closed it: that may fail for want of a handle, and be tried again. A sync may not.
    segment.log.sizeBytes();
    // Cleared first: what is appended meanwhile is for the next run.
    segment.isDirty = false;
    try {
      await segment.log.sync();
    } catch (error) {
      this.#goOffline(error);
      throw error;
    }
  }

  async #advanceRecoveryPoint(): Promise<void> {
    const endOffset = this.#endOffset;
    if (endOffset === this.#recoveryPoint && this.#areEpochsSaved) return;
    const first = floorSegment(this.#segments, this.#recoveryPoint);
    const changed = this.#segments.slice(first);
    // As it is now: producers go on while we wait.
    const snapshot = this.#producers.snapshot();
    await this.sync();
    for (const segment of changed) if (!(await this.#syncIndexes(segment))) return;
    await this.#saveEpochs();
    await this.#snapshots.take(snapshot);
    await this.#environment.files.syncDirectory(this.directory);
    this.#recoveryPoint = Math.max(this.#recoveryPoint, endOffset);
  }

  /** False when there is no room to write them: the recovery point stays where it is. */
  async #syncIndexes(segment: Segment): Promise<boolean> {
    try {
      return await segment.syncIndexes();
    } catch (error) {
      if (isDiskFull(error) || isOutOfHandles(error)) return false;
      this.#goOffline(error);
      throw storageFailed(this.directory, error);
    }
  }

  /**
   * Resolves when the epochs of all that was appended before the call are durable. The epoch of a batch is not covered
   * by its checksum: the history is what it is checked against, and so it is durable before the batch is acknowledged.
   */
  #saveEpochs(): Promise<void> {
    if (this.#epochSaving === undefined && this.#areEpochsSaved) return Promise.resolve();
    this.#epochSaving ??= this.#writeEpochs();
    return this.#epochSaving;
  }

  async #writeEpochs(): Promise<void> {
    try {
      while (!this.#areEpochsSaved) {
        this.#areEpochsSaved = true;
        await writeLeaderEpochCheckpoint(this.#environment.files, this.directory, this.#epochs);
      }
    } catch (error) {
      this.#areEpochsSaved = false;
      throw error;
    } finally {
      // In the same turn as the last look at the flag: who clears it from now on begins anew.
      this.#epochSaving = undefined;
    }
  }

  /** For a log that is not synced: what the process wrote is there when it is killed, and so should its epochs be. */
  #saveEpochsSoon(): void {
    if (this.#epochSaving !== undefined) return;
    this.#saveEpochs().catch((error: unknown) => {
      const { directory } = this;
      this.#environment.logger.warn('cannot save leader epochs; the next sync does', { directory, error: errorMessage(error) });
    });
  }

  #maintain<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#maintenance.run(async () => {
      this.#assertUsable();
      try {
        return await work();
      } catch (error) {
        throw this.#maintenanceError(error);
      }
    });
  }

  #maintenanceError(error: unknown): MillraceError {
    if (isDiskFull(error)) return diskFull(this.directory, error);
    if (isOutOfHandles(error)) return this.#outOfHandles(error);
    return error instanceof MillraceError ? error : storageFailed(this.directory, error);
  }

  /** Work that cuts the end of the log off: when it fails half way, only opening the log again can tell what is left. */
  #cutting(work: () => Promise<void>): Promise<void> {
    return this.#maintain(async () => {
      const cut = this.#cutEnd(work);
      const settled = () => {
        this.#cut = undefined;
      };
      this.#cut = cut.then(settled, settled);
      return cut;
    });
  }

  async #cutEnd(work: () => Promise<void>): Promise<void> {
    try {
      await this.#groupSync.idle();
      this.#assertUsable();
      await work();
    } catch (error) {
      if (errorCode(error) === 'OFFSET_OUT_OF_RANGE') throw error;
      this.#goOffline(error);
      throw storageFailed(this.directory, error);
    } finally {
      this.#generation++;
    }
  }

  /** From `offset` on nothing is known to be synced any more, nor held in memory. Durable when resolved. */
  async #forgetFrom(offset: number): Promise<void> {
    this.#recoveryPoint = Math.min(this.#recoveryPoint, offset);
    await this.#options.checkpoints.saveRecoveryPoint(this.#recoveryPoint);
    const syncedOffset = Math.min(this.#syncedEndOffset, offset);
    await this.#bounds.save({ syncedOffset, startOffset: this.#startOffset });
    this.#generation++;
    this.#endOffset = Math.max(offset, this.#startOffset);
    this.#syncedEndOffset = Math.min(this.#syncedEndOffset, this.#endOffset);
    this.#tail.clear(this.#endOffset);
    await this.#compactor.truncate(offset);
    this.#areEpochsSaved = false;
  }

  /** The newest first, each durably: an interruption leaves a log without a hole. */
  async #removeFrom(index: number): Promise<void> {
    const removed = this.#segments.splice(index);
    this.#generation++;
    for (const segment of removed.reverse()) {
      segment.remove();
      await this.#environment.files.syncDirectory(this.directory);
    }
  }

  /** The start offset lies behind them already, durably: any of them may be left by a crash. */
  async #removeBefore(index: number): Promise<void> {
    const removed = this.#segments.splice(0, index);
    if (removed.length === 0) return;
    this.#generation++;
    const firstOffset = this.#segments[0]?.baseOffset ?? 0;
    if (this.#epochs.truncateFromStart(firstOffset)) this.#areEpochsSaved = false;
    this.#log('removing the oldest segments of a log', { count: removed.length, startOffset: this.#startOffset });
    try {
      for (const segment of removed) segment.remove();
      await this.#environment.files.syncDirectory(this.directory);
    } catch (error) {
      this.#goOffline(error);
      throw storageFailed(this.directory, error);
    }
  }

  async #moveStartOffset(offset: number): Promise<void> {
    await this.#bounds.save({ syncedOffset: this.#syncedEndOffset, startOffset: offset });
    await this.#options.checkpoints.saveStartOffset(offset);
    this.#startOffset = offset;
  }

  #decideRetention(highWatermark: number): ReturnType<typeof decideRetention> {
    const segments = this.#segments.map((segment): RetainedSegment => ({
      sizeBytes: segment.sizeBytes,
      nextOffset: segment.nextOffset,
      largestTimestampMs: segment.claimedLargestTimestamp,
      lastAppendMs: segment.lastAppendMs,
    }));
    const nowMs = this.#environment.clock.wallMs();
    return decideRetention({ segments, startOffset: this.#startOffset, highWatermark, nowMs }, this.#config);
  }

  #compactionHost(): CompactionHost {
    const log = (): PartitionLog => this;
    return {
      get segments() {
        return log().#segments;
      },
      get startOffset() {
        return log().#startOffset;
      },
      segmentContext: this.#context,
      lastOffsetOf: (producerId) => this.#producers.lastOffsetOf(producerId),
      replace: (old, replacement) => {
        const index = this.#segments.findIndex((segment) => segment === old[0]);
        assert(index >= 0, 'the segments that are replaced are in the log');
        this.#segments.splice(index, old.length, replacement);
        this.#generation++;
      },
      fail: (cause) => {
        this.#goOffline(cause);
      },
    };
  }

  /** Damage, and a disk that does not read, take the log offline: it must neither serve nor lead. */
  async #whileReading<Result>(read: () => Promise<Result>): Promise<Result> {
    try {
      return await read();
    } catch (error) {
      if (isOutOfHandles(error)) throw this.#outOfHandles(error);
      const isDamage = !(error instanceof MillraceError) || error.code === 'CORRUPT_LOG';
      if (!isDamage || this.#isClosed) throw error;
      this.#goOffline(error);
      throw storageFailed(this.directory, error);
    }
  }

  #goOffline(cause: unknown): void {
    if (this.#offlineReason !== undefined) return;
    const reason = cause instanceof MillraceError ? cause : storageFailed(this.directory, cause);
    this.#offlineReason = reason;
    this.#environment.logger.error('a log went offline', { directory: this.directory, error: reason.message });
    this.#tail.clear(this.#endOffset);
    this.onOffline?.(reason);
  }

  #assertUsable(): void {
    if (this.#offlineReason !== undefined) throw storageFailed(this.directory, this.#offlineReason);
    if (this.#isClosed) throw new MillraceError('KAFKA_STORAGE_ERROR', `The log in ${this.directory} is closed`);
  }

  #requireInRange(offset: number): void {
    if (offset < this.#startOffset || offset > this.#endOffset) throw this.#outOfRange(offset);
  }

  #outOfRange(offset: number): MillraceError {
    return offsetOutOfRange(this.directory, offset, this.#startOffset, this.#endOffset);
  }

  #log(message: string, fields: Readonly<Record<string, unknown>>): void {
    this.#environment.logger.info(message, { directory: this.directory, leaderEpoch: this.leaderEpoch, ...fields });
  }
}
