import { MillraceError } from '@millrace/base';
import type { ConsumerBatch } from './consumer-batch.js';
import { consumerSettings, type ConsumerOptions } from './consumer-options.js';
import type { Assignment, ConsumerRecord, StartPosition, TopicPartition } from './consumer-record.js';

export interface IterationOptions {
  /** Ends the iteration: it throws the signal's reason. */
  readonly signal?: AbortSignal;
}

/** How far a consumer is from the end of a partition. */
export interface PartitionLag extends TopicPartition {
  /** Next offset that the program will get; -1 while it is not known yet. */
  readonly position: number;
  readonly endOffset: number;
  readonly lag: number;
}

export interface RunOptions<Key, Value> {
  /** Called for each record, one after the other within a partition. */
  readonly eachRecord?: (record: ConsumerRecord<Key, Value>) => Promise<void> | void;
  /** Called for each batch, one after the other within a partition. */
  readonly eachBatch?: (batch: ConsumerBatch<Key, Value>) => Promise<void> | void;
  /** Partitions worked on at the same time (1). */
  readonly concurrency?: number;
  readonly signal?: AbortSignal;
}

const soon = (what: string): MillraceError => new MillraceError('UNSUPPORTED_FEATURE', what);

export class Consumer<Key = Uint8Array | null, Value = Uint8Array | null> implements AsyncIterable<
  ConsumerRecord<Key, Value>
> {
  constructor(options: ConsumerOptions<Key, Value>) {
    consumerSettings(options);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<ConsumerRecord<Key, Value>> {
    return this.records();
  }

  /** As iterating the consumer itself, with options. */
  records(_options: IterationOptions = {}): AsyncIterableIterator<ConsumerRecord<Key, Value>> {
    throw soon('records');
  }

  batches(_options: IterationOptions = {}): AsyncIterableIterator<ConsumerBatch<Key, Value>> {
    throw soon('batches');
  }

  /** Resolves when the consumer is closed, rejects with the first error of a callback. */
  run(_options: RunOptions<Key, Value>): Promise<void> {
    return Promise.reject(soon('run'));
  }

  /** Replaces the assigned partitions. Those that stay keep their position unless `from` is given. */
  assign(_assignments: readonly Assignment[]): Promise<void> {
    return Promise.reject(soon('assign'));
  }

  /** The partitions being read. */
  assignment(): TopicPartition[] {
    return [];
  }

  seek(_partition: TopicPartition, _to: StartPosition): void {}

  /** Stops delivery (all partitions when none are given) and, once the prefetch bound is reached, fetching. */
  pause(_partitions?: readonly TopicPartition[]): void {}

  resume(_partitions?: readonly TopicPartition[]): void {}

  /** Next offset that the program will get; undefined while it is not known yet. */
  position(_partition: TopicPartition): number | undefined {
    return undefined;
  }

  /** Asks the leaders for the offset after the last readable record; all assigned partitions when none are given. */
  endOffsets(
    _partitions?: readonly TopicPartition[],
    _options: IterationOptions = {},
  ): Promise<(TopicPartition & { readonly offset: number })[]> {
    return Promise.reject(soon('endOffsets'));
  }

  lag(_options: IterationOptions = {}): Promise<PartitionLag[]> {
    return Promise.reject(soon('lag'));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
