import type { ConsumerRecord, TopicPartition } from './consumer-record.js';

/** Records of one partition that arrived together, in order. Iterating is synchronous and advances the position. */
export interface ConsumerBatch<Key = Uint8Array | null, Value = Uint8Array | null>
  extends TopicPartition, Iterable<ConsumerRecord<Key, Value>> {
  /** First offset that iteration can yield, and the offset after the last one. */
  readonly firstOffset: number;
  readonly nextOffset: number;
  /** Encoded bytes of the fetched batches. */
  readonly sizeBytes: number;
  /** Offset after the last readable record when this was fetched. */
  readonly highWatermark: number;
}
