export type { HostedLog, OfflinePartition } from './directory/hosted-log.js';
export type { HighWatermarkOf } from './directory/housekeeping.js';
export {
  LogDirectory,
  type DeletedLog,
  type LogDirectoryEnvironment,
  type LogDirectoryOptions,
  type NewLog,
} from './directory/log-directory.js';
export type { PartitionName } from './directory/partition-name.js';
export type {
  BatchLine,
  DumpLine,
  DumpProblem,
  OffsetEntryLine,
  ProblemLine,
  RecordLine,
  SummaryLine,
  TimeEntryLine,
} from './dump/dump-line.js';
export { dumpLog, type DumpOptions } from './dump/dump-log.js';
export { FilePool, type FilePoolOptions } from './file-pool.js';
export { defaultLogConfig, type CleanupPolicy, type LogConfig, type TimestampType } from './log-config.js';
export type { LogCheckpoints } from './log/log-checkpoints.js';
export type { EpochEnd } from './epoch/leader-epoch-history.js';
export { createLogMemory, type LogMemory, type LogMemoryLimits } from './log/log-memory.js';
export type { ReadResult } from './log/log-reader.js';
export { PartitionLog, type AppendOptions, type AppendResult, type PartitionLogOptions } from './log/partition-log.js';
export type { AppendMemory } from './log/tail-cache.js';
export type { TimestampedOffset } from './log/timestamp-lookup.js';
export type { AbortedTransaction } from './producer-state/partition-transactions.js';
export type { ProducerDescription } from './producer-state/producer-state.js';
export type { AppendOrigin } from './producer-state/producer-batch.js';
export type { StorageEnvironment } from './storage-environment.js';
