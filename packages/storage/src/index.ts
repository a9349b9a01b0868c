export { FilePool, type FilePoolOptions } from './file-pool.js';
export { defaultLogConfig, type CleanupPolicy, type LogConfig, type TimestampType } from './log-config.js';
export type { LogCheckpoints } from './log/log-checkpoints.js';
export {
  PartitionLog,
  type AppendOptions,
  type AppendResult,
  type EpochEndOffset,
  type PartitionLogOptions,
  type ReadResult,
  type TimestampedOffset,
} from './log/partition-log.js';
export type { AppendOrigin } from './producer-state/producer-batch.js';
export type { StorageEnvironment } from './storage-environment.js';
