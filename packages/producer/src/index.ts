export { Delivery } from './delivery.js';
export { murmur2 } from './murmur2.js';
export {
  murmur2Partitioner,
  rangePartitioner,
  roundRobinPartitioner,
  stickyPartitioner,
  type Partitioner,
  type PartitionerTopic,
} from './partitioner.js';
export { Producer } from './producer.js';
export type { ProducerOptions, UnobservedFailure } from './producer-options.js';
export type {
  BatchRecord,
  Bytes,
  DeliveryCallback,
  ProducerRecord,
  RecordMetadata,
  RecordRun,
  SendBatchResult,
} from './producer-record.js';
export { Transaction, type TopicBatch } from './transaction/transaction.js';
export type {
  OffsetInTransaction,
  OffsetSource,
  TransactionGroup,
  TransactionOffsets,
} from './transaction/transaction-offsets.js';
export type { ProducerStats } from './producer-stats.js';
