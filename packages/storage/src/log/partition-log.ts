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
import { MillraceError } from '@millrace/base';
import type { CompactionResult } from '../compaction/log-compactor.js';
import type { EpochEnd, EpochEntry } from '../epoch/leader-epoch-history.js';
import type { FilePool } from '../file-pool.js';
import { isCompacted, type LogConfig } from '../log-config.js';
import type { AbortedTransaction } from '../producer-state/partition-transactions.js';
import type { AppendOrigin } from '../producer-state/producer-batch.js';
import type { ProducerDescription } from '../producer-state/producer-state.js';
import { recoverLog } from '../recovery/recover-log.js';
import type { StorageEnvironment } from '../storage-environment.js';
import { isOutOfHandles, outOfHandles, storageFailed } from '../storage-errors.js';
import { EpochSaver } from './epoch-saver.js';
import type { LogCheckpoints } from './log-checkpoints.js';
import { createLogMemory, type LogMemory } from './log-memory.js';
import { LogReader, type ReadResult, undisturbed } from './log-reader.js';
import { LogRemover } from './log-remover.js';
import { LogState } from './log-state.js';
import { LogSyncer } from './log-syncer.js';
import { LogWriter } from './log-writer.js';
import { type AppendMemory, TailCache } from './tail-cache.js';
import { findTimestamp, largestTimestampSince, type TimestampedOffset } from './timestamp-lookup.js';

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

export interface AppendOptions {
  readonly origin: AppendOrigin;
  /** Of the leader that appends; a replica's batches bring their own. */
  readonly leaderEpoch: number;
  /** Where the batches lie, when that may be kept for readers: else they are copied. */
  readonly memory?: AppendMemory | undefined;
}

export interface AppendResult {
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** -1 unless the topic stamps records with the time of their append. */
  readonly logAppendTimeMs: number;
  /** The batch was appended before, at these offsets: nothing was written now. */
  readonly duplicate: boolean;
}

/** Of one log; all together are bounded by `LogMemory`. */
const maxTailBytes = 8 * 1024 * 1024;
const noBytes = new Uint8Array(0);

export class PartitionLog {
  /** Called after `syncedEndOffset` moved. */
  onSynced: (() => void) | undefined;
  /** Called once, when the log goes offline. */
  onOffline: ((reason: MillraceError) => void) | undefined;

  readonly #state: LogState;
  readonly #tail: TailCache;
  readonly #epochSaver: EpochSaver;
  readonly #writer: LogWriter;
  readonly #syncer: LogSyncer;
  readonly #remover: LogRemover;
  readonly #reader: LogReader;

  /** Never rejects for what the files hold: the log is then offline, and says why. */
  static async open(environment: StorageEnvironment, options: PartitionLogOptions): Promise<PartitionLog> {
    const log = new PartitionLog(environment, options);
    try {
      await log.#recover();
    } catch (error) {
      log.#state.goOffline(error);
    }
    return log;
  }

  private constructor(environment: StorageEnvironment, options: PartitionLogOptions) {
    const memory = options.memory ?? createLogMemory();
    const state = new LogState(environment, options);
    const tail = new TailCache(memory.tails, { maxBytes: maxTailBytes, endOffset: options.startOffset });
    const epochSaver = new EpochSaver(state);
    const writer = new LogWriter(state, tail, epochSaver);
    const syncer = new LogSyncer(state, epochSaver);
    this.#state = state;
    this.#tail = tail;
    this.#epochSaver = epochSaver;
    this.#writer = writer;
    this.#syncer = syncer;
    this.#remover = new LogRemover({ state, tail, epochSaver, syncer, writer });
    const { logger } = environment;
    this.#reader = new LogReader(state, { buffers: memory.buffers, logger, directory: options.directory });
    syncer.onSynced = () => this.onSynced?.();
    state.onOffline = (reason) => {
      tail.clear(state.endOffset);
      this.onOffline?.(reason);
    };
  }

  get directory(): string {
    return this.#state.directory;
  }

  get topicId(): string {
    return this.#state.options.topicId;
  }

  get partition(): number {
    return this.#state.options.partition;
  }

  get startOffset(): number {
    return this.#state.startOffset;
  }

  get endOffset(): number {
    return this.#state.endOffset;
  }

  get syncedEndOffset(): number {
    return this.#state.syncedEndOffset;
  }

  /** What the directory may store as this log's recovery point. */
  get recoveryPoint(): number {
    return this.#state.recoveryPoint;
  }

  get sizeBytes(): number {
    let sizeBytes = 0;
    for (const segment of this.#state.segments) sizeBytes += segment.sizeBytes;
    return sizeBytes;
  }

  get segmentCount(): number {
    return this.#state.segments.length;
  }

  /** Of the last batch; -1 when there is none. */
  get leaderEpoch(): number {
    return this.#state.epochs.latestEpoch;
  }

  get epochs(): readonly EpochEntry[] {
    return this.#state.epochs.entries;
  }

  /** What is known of each idempotent producer that wrote here. */
  producers(): ProducerDescription[] {
    return this.#state.producers.producers();
  }

  /** Whether records of this producer and epoch go on with a transaction that is open here. */
  isInTransaction(producerId: number, producerEpoch: number): boolean {
    return this.#state.producers.isInTransaction(producerId, producerEpoch);
  }

  /** Up to where it is decided, on all replicas, which records count. Never above the high watermark. */
  lastStableOffset(highWatermark: number): number {
    const { startOffset, producers } = this.#state;
    return Math.max(startOffset, producers.transactions.lastStableOffset(highWatermark));
  }

  /** The aborted transactions with records in this range, in the order of their markers. */
  abortedTransactions(fromOffset: number, toOffset: number): AbortedTransaction[] {
    return this.#state.producers.transactions.aborted(fromOffset, toOffset);
  }

  get config(): LogConfig {
    return this.#state.config;
  }

  get isOffline(): boolean {
    return this.#state.isOffline;
  }

  /** Its files are given up: the log was deleted, or the node stops. */
  get isClosed(): boolean {
    return this.#state.isClosed;
  }

  get offlineReason(): MillraceError | undefined {
    return this.#state.offlineReason;
  }

  setConfig(config: LogConfig): void {
    this.#state.setConfig(config);
  }

  /**
   * Whether `markGaps` is due before batches of a leader are appended: the topic is compacted, so they may skip offsets,
   * and nothing in the directory says so yet.
   */
  get needsGapMark(): boolean {
    const { config, areGapsMarked } = this.#state;
    return isCompacted(config) && !areGapsMarked;
  }

  /** From now on a replica's batches may skip offsets. Durable when resolved. */
  markGaps(): Promise<void> {
    return this.#remover.markGaps();
  }

  /**
   * Appends whole batches, which are patched in place: offsets, leader epoch, and the time of the append where the
   * topic has it. All or nothing. Readable at once, durable after `sync`.
   *
   * Throws what is wrong with the batches, `LOG_DISK_FULL` (retriable, with the batches encoded anew), or
   * `KAFKA_STORAGE_ERROR`.
   */
  append(bytes: Uint8Array, options: AppendOptions): AppendResult {
    this.#state.requireUsable();
    return this.#writer.append(bytes, options);
  }

  /** Resolves when all that was appended before the call is durable. */
  sync(): Promise<void> {
    return this.#syncer.sync();
  }

  /** As `read`, when memory holds the batch; undefined when it does not. */
  readCached(offset: number, maxBytes: number, endOffset: number): ReadResult | undefined {
    const state = this.#state;
    state.requireUsable();
    if (offset < state.startOffset || offset > state.endOffset) throw state.outOfRange(offset);
    const limit = Math.min(endOffset, state.endOffset);
    if (offset >= limit) return { bytes: noBytes };
    return this.#tail.read(offset, maxBytes, limit);
  }

  /**
   * Whole batches from the one that holds `offset`, up to `maxBytes` but at least one, and none that reaches past
   * `endOffset`. Empty when there is none yet. Throws `OFFSET_OUT_OF_RANGE`, `KAFKA_STORAGE_ERROR`.
   */
  async read(offset: number, maxBytes: number, endOffset: number): Promise<ReadResult> {
    const cached = this.readCached(offset, maxBytes, endOffset);
    if (cached !== undefined) return cached;
    const state = this.#state;
    return this.#whileReading(async () => {
      const result = await this.#reader.read({ offset, maxBytes, endOffset: Math.min(endOffset, state.endOffset) });
      state.metrics.coldReadBytes.add(result.bytes.length);
      return result;
    });
  }

  /** The first record with this timestamp or a later one. */
  async offsetForTimestamp(timestampMs: number): Promise<TimestampedOffset | undefined> {
    const state = this.#state;
    state.requireUsable();
    return this.#whileReading(() =>
      undisturbed(state, async (generation) => {
        const { startOffset } = state;
        for (const segment of state.segments) {
          if (segment.nextOffset <= startOffset || (await segment.largestTimestamp()) < timestampMs) continue;
          const found = await findTimestamp(segment, { timestampMs, startOffset, generation }, state);
          if (found !== undefined) return found;
        }
        return undefined;
      }),
    );
  }

  /** The first record with the largest timestamp of all; undefined in an empty log. */
  async largestTimestamp(): Promise<TimestampedOffset | undefined> {
    const state = this.#state;
    state.requireUsable();
    const largestMs = await this.#whileReading(() =>
      undisturbed(state, async () => {
        let largest = -1;
        for (const segment of state.segments) {
          largest = Math.max(largest, await largestTimestampSince(segment, state.startOffset));
        }
        return largest;
      }),
    );
    return largestMs < 0 ? undefined : this.offsetForTimestamp(largestMs);
  }

  /** Where the records of a leader epoch end; -1 and -1 when this log cannot say. */
  endOffsetForEpoch(epoch: number): EpochEnd {
    const state = this.#state;
    state.requireUsable();
    return state.epochs.endOffsetForEpoch(epoch, state.endOffset);
  }

  /** Removes the records from `offset` on, and those before it that share a batch with it. Durable when resolved. */
  truncateTo(offset: number): Promise<void> {
    return this.#remover.truncateTo(offset);
  }

  /** Removes all records; the log goes on at `offset`. Durable when resolved. */
  resetTo(offset: number): Promise<void> {
    return this.#remover.resetTo(offset);
  }

  /** Deletes the records below `offset`: they are not read any more, and files with nothing else in them go. */
  advanceStartOffset(offset: number): Promise<void> {
    return this.#remover.advanceStartOffset(offset);
  }

  /** Removes what the topic's retention lets go, below the high watermark. Returns how many segments went. */
  applyRetention(highWatermark: number): Promise<number> {
    return this.#remover.applyRetention(highWatermark);
  }

  /** Keeps the newest record of each key, where the topic says so and there is enough to gain. */
  compact(highWatermark: number): Promise<CompactionResult | undefined> {
    return this.#remover.compact(highWatermark);
  }

  /** Makes the derived files durable and moves `recoveryPoint` up to where the log ended when this began. */
  advanceRecoveryPoint(): Promise<void> {
    return this.#remover.alone(() => this.#syncer.advanceRecoveryPoint());
  }

  /**
   * Syncs everything and gives the files up; a log that is offline only gives them up. Rejects when it may not be
   * called a clean stop.
   */
  async close(): Promise<void> {
    const state = this.#state;
    if (state.isClosed) return;
    this.#remover.stopCompaction();
    try {
      if (!state.isOffline) await this.#remover.alone(() => this.#finish());
    } finally {
      state.isClosed = true;
      await this.#syncer.idle();
      this.#tail.clear(state.endOffset);
      state.bounds.close();
      for (const segment of state.segments) segment.close();
    }
  }

  async #finish(): Promise<void> {
    await this.#syncer.advanceRecoveryPoint();
    const { recoveryPoint, endOffset, directory } = this.#state;
    if (recoveryPoint === endOffset) return;
    throw storageFailed(directory, new MillraceError('LOG_DISK_FULL', 'there was no room to write its indexes'));
  }

  async #recover(): Promise<void> {
    const state = this.#state;
    const { recoveryPoint, cleanShutdown, checkpoints } = state.options;
    const bounds = state.bounds.read();
    let distrustedFrom = Number.MAX_SAFE_INTEGER;
    const recovered = await recoverLog({
      ...state.producerRecovery(),
      allowsGaps: state.allowsGaps,
      cleanShutdown,
      recoveryPoint,
      syncedOffset: Math.max(recoveryPoint, bounds?.syncedOffset ?? 0),
      startOffset: bounds?.startOffset ?? state.startOffset,
      journaledEpochs: this.#epochSaver.journaled(),
      distrustFrom: async (offset) => {
        distrustedFrom = offset;
        await checkpoints.saveRecoveryPoint(offset);
      },
    });
    state.segments = recovered.segments;
    state.epochs = recovered.epochs;
    this.#epochSaver.recovered(recovered.areEpochsSaved);
    const endOffset = state.active.nextOffset;
    state.startOffset = recovered.startOffset;
    state.endOffset = endOffset;
    state.syncedEndOffset = Math.max(recovered.startOffset, recovered.syncedOffset);
    state.recoveryPoint = Math.min(cleanShutdown ? endOffset : recoveryPoint, state.syncedEndOffset, distrustedFrom);
    state.bounds.begin({ syncedOffset: state.syncedEndOffset, startOffset: recovered.startOffset });
    this.#tail.clear(endOffset);
    await this.#remover.begin();
  }

  /** Damage, and a disk that does not read, take the log offline: it must neither serve nor lead. */
  async #whileReading<Result>(read: () => Promise<Result>): Promise<Result> {
    const state = this.#state;
    try {
      return await read();
    } catch (error) {
      if (isOutOfHandles(error)) throw outOfHandles(state.directory, error);
      const isDamage = !(error instanceof MillraceError) || error.code === 'CORRUPT_LOG';
      // Its files were taken away while it was read: that says nothing about them.
      if (state.isClosed) state.requireUsable();
      if (!isDamage) throw error;
      state.goOffline(error);
      throw storageFailed(state.directory, error);
    }
  }
}
