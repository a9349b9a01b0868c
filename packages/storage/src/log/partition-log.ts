/**
 * One durable partition log.
 */
import type { FilePool } from '../file-pool.js';
import type { LogConfig } from '../log-config.js';
import type { AppendOrigin } from '../producer-state/producer-batch.js';
import type { StorageEnvironment } from '../storage-environment.js';
import type { LogCheckpoints } from './log-checkpoints.js';
import { MillraceError } from '@millrace/base';

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
  /** A segment is rolled when one of its indexes would grow past this. */
  readonly maxIndexBytes?: number;
}

export interface AppendOptions {
  readonly origin: AppendOrigin;
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

export interface ReadResult {
  /** Whole batches, the first of which holds the offset that was asked for; empty when there is none yet. */
  readonly bytes: Uint8Array;
  /** Gives the memory back, once; `bytes` must not be used after it. Without it the memory is collected. */
  release?(): void;
}

export interface TimestampedOffset {
  readonly offset: number;
  readonly timestampMs: number;
  readonly leaderEpoch: number;
}

export interface EpochEndOffset {
  readonly epoch: number;
  readonly endOffset: number;
}

export class PartitionLog {
  /** Called after `syncedEndOffset` moved. */
  onSynced: (() => void) | undefined;
  /** Called once, when the log goes offline. */
  onOffline: ((reason: MillraceError) => void) | undefined;

  /** Never rejects for damaged data: the log is then offline, and says why. */
  static open(_environment: StorageEnvironment, _options: PartitionLogOptions): Promise<PartitionLog> {
    return Promise.reject(new MillraceError('UNSUPPORTED_VERSION', 'not built yet'));
  }

  get directory(): string {
    return '';
  }
  get startOffset(): number {
    return 0;
  }
  get endOffset(): number {
    return 0;
  }
  get syncedEndOffset(): number {
    return 0;
  }
  /** What the directory may store as this log's recovery point. */
  get recoveryPoint(): number {
    return 0;
  }
  get sizeBytes(): number {
    return 0;
  }
  get leaderEpoch(): number {
    return -1;
  }
  /** The largest timestamp of all batches; -1 when there are none. */
  get maxTimestamp(): number {
    return -1;
  }
  get config(): LogConfig {
    throw new MillraceError('UNSUPPORTED_VERSION', 'not built yet');
  }
  get isOffline(): boolean {
    return false;
  }
  get offlineReason(): MillraceError | undefined {
    return undefined;
  }
  setConfig(_config: LogConfig): void {}
  append(_bytes: Uint8Array, _options: AppendOptions): AppendResult {
    throw new MillraceError('UNSUPPORTED_VERSION', 'not built yet');
  }
  sync(): Promise<void> {
    return Promise.resolve();
  }
  readCached(_offset: number, _maxBytes: number, _endOffset: number): ReadResult | undefined {
    return undefined;
  }
  read(_offset: number, _maxBytes: number, _endOffset: number): Promise<ReadResult> {
    return Promise.resolve({ bytes: new Uint8Array(0) });
  }
  /** The first record with this timestamp or a later one. */
  offsetForTimestamp(_timestampMs: number): Promise<TimestampedOffset | undefined> {
    return Promise.resolve(undefined);
  }
  endOffsetForEpoch(_epoch: number): EpochEndOffset {
    return { epoch: -1, endOffset: -1 };
  }
  truncateTo(_offset: number): Promise<void> {
    return Promise.resolve();
  }
  resetTo(_offset: number): Promise<void> {
    return Promise.resolve();
  }
  advanceStartOffset(_offset: number): Promise<void> {
    return Promise.resolve();
  }
  /** Removes what the topic's retention lets go, below the high watermark. Returns how many segments went. */
  applyRetention(_highWatermark: number): Promise<number> {
    return Promise.resolve(0);
  }
  compact(_highWatermark: number): Promise<void> {
    return Promise.resolve();
  }
  /** Makes the derived files durable and moves `recoveryPoint` up to what was synced when this began. */
  advanceRecoveryPoint(): Promise<void> {
    return Promise.resolve();
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}
