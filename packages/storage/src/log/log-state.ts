/**
 * What the parts of a partition log share: its segments, its offsets, and whether it still works.
 *
 *     log-writer    appends: moves `endOffset`, adds segments at the end
 *     log-syncer    moves `syncedEndOffset`, `recoveryPoint`
 *     log-remover   takes records away: moves `startOffset`, and moves the others back
 *     log-reader    only looks
 *
 * Invariants: startOffset <= endOffset; recoveryPoint <= syncedEndOffset <= endOffset; all segments but the last are
 * closed; `generation` changes whenever a record that was there is not there any more.
 */
import { assert, MillraceError } from '@millrace/base';
import { readCleanOffset } from '../compaction/clean-offset-checkpoint.js';
import { prepareToRequireKeys } from '../compaction/require-keys.js';
import { LeaderEpochHistory } from '../epoch/leader-epoch-history.js';
import { isCompacted, type LogConfig } from '../log-config.js';
import { ProducerSnapshots } from '../producer-state/producer-snapshots.js';
import { ProducerState } from '../producer-state/producer-state.js';
import { LogBounds } from '../recovery/log-bounds.js';
import type { ProducerRecovery } from '../recovery/recover-producers.js';
import type { Segment, SegmentContext } from '../segment/segment.js';
import type { StorageEnvironment } from '../storage-environment.js';
import {
  diskFull,
  isDiskFull,
  isOutOfHandles,
  offsetOutOfRange,
  outOfHandles,
  storageFailed,
} from '../storage-errors.js';
import type { ReadableLog } from './log-reader.js';
import type { PartitionLogOptions } from './partition-log.js';
import { storageMetrics, type StorageMetrics } from './storage-metrics.js';

/** Kafka's `segment.index.bytes`. */
const defaultMaxIndexBytes = 10 * 1024 * 1024;

export class LogState implements ReadableLog {
  readonly environment: StorageEnvironment;
  readonly options: PartitionLogOptions;
  readonly directory: string;
  readonly metrics: StorageMetrics;
  readonly context: SegmentContext;
  readonly producers: ProducerState;
  readonly snapshots: ProducerSnapshots;
  readonly bounds: LogBounds;
  /** Ascending; the last is the active one. Empty until the log is recovered. */
  segments: Segment[] = [];
  epochs = new LeaderEpochHistory();
  generation = 0;
  startOffset: number;
  endOffset: number;
  syncedEndOffset: number;
  recoveryPoint: number;
  /** Whether a segment was created that no finished sync of the directory covers. */
  isDirectoryDirty = false;
  /** Whether a segment was closed whose last entry in the time index may not be durable. */
  hasClosedSegment = false;
  /** While the end of the log is being cut off nothing is appended, and new reads wait. */
  cutting: Promise<void> | undefined;
  isClosed = false;
  /** Called once, when the log goes offline. */
  onOffline: (reason: MillraceError) => void = () => undefined;
  #config: LogConfig;
  /** Whether it is durable that offsets may be missing here: none is left out before. */
  areGapsMarked: boolean;
  #wasCompacted = false;
  #offlineReason: MillraceError | undefined;

  constructor(environment: StorageEnvironment, options: PartitionLogOptions) {
    const { files, logger } = environment;
    const { directory, filePool, config, startOffset } = options;
    this.environment = environment;
    this.options = options;
    this.directory = directory;
    this.metrics = storageMetrics(environment.metrics);
    this.context = {
      files,
      filePool,
      logger,
      directory,
      maxIndexBytes: options.maxIndexBytes ?? defaultMaxIndexBytes,
      indexIntervalBytes: () => this.#config.indexIntervalBytes,
    };
    const partitionName = directory.slice(directory.lastIndexOf('/') + 1);
    this.producers = new ProducerState({ partitionName, expirationMs: config.producerIdExpirationMs });
    this.snapshots = new ProducerSnapshots({ files, logger, directory });
    this.bounds = new LogBounds({ files, filePool, logger, directory });
    this.startOffset = startOffset;
    this.endOffset = startOffset;
    this.syncedEndOffset = startOffset;
    this.recoveryPoint = Math.min(options.recoveryPoint, startOffset);
    this.#config = config;
    this.areGapsMarked = readCleanOffset(files, directory) > 0;
    this.setConfig(config);
  }

  get config(): LogConfig {
    return this.#config;
  }

  setConfig(config: LogConfig): void {
    this.#config = config;
    this.producers.setExpirationMs(config.producerIdExpirationMs);
    if (!isCompacted(config)) return;
    // What compaction took stays taken when the topic is no longer compacted.
    this.#wasCompacted = true;
    prepareToRequireKeys(this.environment.logger);
  }

  get allowsGaps(): boolean {
    return this.#wasCompacted || this.areGapsMarked;
  }

  get active(): Segment {
    const active = this.segments.at(-1);
    assert(active !== undefined, 'an open log has an active segment');
    return active;
  }

  epochAt(offset: number): number {
    return this.epochs.epochAt(offset);
  }

  get offlineReason(): MillraceError | undefined {
    return this.#offlineReason;
  }

  get isOffline(): boolean {
    return this.#offlineReason !== undefined;
  }

  /** For good: only opening the log again can tell what the files hold. */
  goOffline(cause: unknown): void {
    if (this.#offlineReason !== undefined) return;
    const reason = cause instanceof MillraceError ? cause : storageFailed(this.directory, cause);
    this.#offlineReason = reason;
    this.environment.logger.error('a log went offline', { directory: this.directory, error: reason.message });
    this.onOffline(reason);
  }

  requireUsable(): void {
    if (this.#offlineReason !== undefined) throw storageFailed(this.directory, this.#offlineReason);
    if (this.isClosed) throw new MillraceError('KAFKA_STORAGE_ERROR', `The log in ${this.directory} is closed`);
  }

  /** What a caller is told of a failed call; the log goes offline unless the next call may succeed. */
  failed(error: unknown): MillraceError {
    if (!this.isOffline && isDiskFull(error)) return diskFull(this.directory, error);
    if (!this.isOffline && isOutOfHandles(error)) return outOfHandles(this.directory, error);
    this.goOffline(error);
    return storageFailed(this.directory, error);
  }

  /** What making the producer state anew takes. */
  producerRecovery(): ProducerRecovery {
    const { context, producers, snapshots, environment } = this;
    return { context, producers, snapshots, nowMs: environment.clock.wallMs() };
  }

  outOfRange(offset: number): MillraceError {
    return offsetOutOfRange(this.directory, offset, this.startOffset, this.endOffset);
  }

  info(message: string, fields: Readonly<Record<string, unknown>>): void {
    const { directory, epochs } = this;
    this.environment.logger.info(message, { directory, leaderEpoch: epochs.latestEpoch, ...fields });
  }
}
