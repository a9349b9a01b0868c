import type { ConsumerRecord, TopicPartition } from './consumer-record.js';
import type { PartitionState } from './partition-state.js';
import { RecordReader, type RecordReaderOptions } from './record-reader.js';

/** Commits up to the end of a batch of this partition. */
export type CommitBatch = (state: PartitionState, nextOffset: number) => Promise<void>;

/**
 * Records of one partition that arrived together, in order. Iterating is synchronous: no promise, no timer between
 * records. Throws a PartitionError at a record that cannot be read.
 */
export class ConsumerBatch<Key = Uint8Array | null, Value = Uint8Array | null>
  implements TopicPartition, Iterable<ConsumerRecord<Key, Value>>
{
  readonly topic: string;
  readonly partition: number;
  /** First offset that iteration can yield, and the offset after the last one. */
  readonly firstOffset: number;
  readonly nextOffset: number;
  /** Of the fetched batches, compressed as they are. */
  readonly sizeBytes: number;
  /** Offset after the last readable record of the partition when this was fetched. */
  readonly highWatermark: number;
  readonly #reader: RecordReaderOptions<Key, Value>;
  readonly #commit: CommitBatch;

  /** Made by the consumer. */
  constructor(reader: RecordReaderOptions<Key, Value>, commit: CommitBatch) {
    const { state, chunk } = reader;
    this.topic = state.topic;
    this.partition = state.partition;
    this.firstOffset = chunk.firstOffset;
    this.nextOffset = chunk.nextOffset;
    this.sizeBytes = chunk.bytes.length;
    this.highWatermark = chunk.highWatermark;
    this.#reader = reader;
    this.#commit = commit;
  }

  /**
   * Commits that this batch is processed, all of it. Rejects with `STALE_MEMBER_EPOCH` when its partition was given to
   * another member meanwhile, which then gets these records too.
   */
  commit(): Promise<void> {
    return this.#commit(this.#reader.state, this.nextOffset);
  }

  /**
   * Gives the memory of the batch back: the next one is fetched into it. For programs that read fast, which otherwise
   * leave all that memory to the garbage collector. Neither the batch nor a record of it can be read after that, and
   * keys, values and headers that were read out of it (but for what deserializers made of them) must not be: copy what
   * is to be kept.
   */
  release(): void {
    this.#reader.chunk.memory?.release();
  }

  /** From the first record, each time. After a `seek` of this partition, or its loss, iteration ends early. */
  [Symbol.iterator](): Iterator<ConsumerRecord<Key, Value>> {
    const reader = new RecordReader(this.#reader);
    const { state } = reader;
    return {
      next: () => {
        const value = state.isRemoved ? undefined : reader.next();
        return value === undefined ? { done: true, value: undefined } : { done: false, value };
      },
    };
  }
}
