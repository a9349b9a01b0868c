export {
  Consumer,
  type ConsumerStats,
  type IterationOptions,
  type OffsetToCommit,
  type PartitionLag,
} from './consumer.js';
export { ConsumerBatch } from './consumer-batch.js';
export type { AutoOffsetReset, ConsumerOptions } from './consumer-options.js';
export type { Assignment, ConsumerRecord, StartPosition, TopicPartition } from './consumer-record.js';
export type {
  AssignedCallback,
  AssignmentFacts,
  DeliveryPromise,
  GroupOptions,
  PartitionsCallback,
} from './group/group-options.js';
export { EffectConsumer, type EffectConsumerOptions } from './effects/effect-consumer.js';
export type { EffectKey, EffectPosition, EffectStore } from './effects/effect-store.js';
export type { TransactionOffsets } from './group/transaction-offsets.js';
export { PartitionError } from './partition-error.js';
export type { CallbackFailure, FailureVerdict, RunOptions } from './run/run-options.js';
export type { WorkerStats } from './run/worker.js';
export type { ConsumerTransaction, TransactedConsumer, TransactOptions } from './transact.js';
