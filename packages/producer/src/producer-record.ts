import type { MillraceError } from '@millrace/base';
import type { RecordHeaders } from '@millrace/record';

/** A key or value as it goes into the log. Strings are sent as UTF-8; null is a value of its own (a tombstone). */
export type Bytes = Uint8Array | string | null;

/** A record to send. `Key` and `Value` are whatever the producer's serializers take; without serializers, {@link Bytes}. */
export interface ProducerRecord<Key = Bytes, Value = Bytes> {
  readonly topic: string;
  readonly key?: Key;
  readonly value: Value;
  readonly headers?: RecordHeaders;
  /** Overrides the partitioner. */
  readonly partition?: number;
  /** Milliseconds since 1970; when absent the wall clock, read once for a few records of one event-loop turn. */
  readonly timestampMs?: number;
}

/** A record of a `sendBatch`, which names the topic once for all. */
export type BatchRecord<Key = Bytes, Value = Bytes> = Omit<ProducerRecord<Key, Value>, 'topic'>;

/** Where a record went. */
export interface RecordMetadata {
  readonly topic: string;
  readonly partition: number;
  /** -1 with acks 0: nobody said where it went. */
  readonly offset: number;
}

/** Where a run of records of one `sendBatch` went: they lie next to each other in the partition, in the order given. */
export interface RecordRun {
  readonly topic: string;
  readonly partition: number;
  /** -1 with acks 0. */
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly recordCount: number;
}

export interface SendBatchResult {
  /** One entry for each batch that took records of this call; one partition may have several, in order. */
  readonly results: readonly RecordRun[];
}

/**
 * Told of one record's outcome: `error` is undefined when it was acknowledged, and `offset` is -1 unless it was (and
 * with acks 0). `partition` is -1 when the record never had one.
 */
export type DeliveryCallback = (error: MillraceError | undefined, partition: number, offset: number) => void;
