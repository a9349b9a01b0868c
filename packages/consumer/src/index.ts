export { Consumer, type IterationOptions, type PartitionLag, type RunOptions } from './consumer.js';
export type { ConsumerBatch } from './consumer-batch.js';
export type { AutoOffsetReset, ConsumerOptions } from './consumer-options.js';
export type { Assignment, ConsumerRecord, StartPosition, TopicPartition } from './consumer-record.js';
