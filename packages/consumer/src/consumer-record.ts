import type { RecordHeaders } from '@millrace/record';

/** A record as read from the log. Key, value and headers are read out of the fetched bytes when first asked for. */
export interface ConsumerRecord<Key = Uint8Array | null, Value = Uint8Array | null> {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Key;
  readonly value: Value;
  readonly headers: RecordHeaders;
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/**
 * Where to start: the oldest record, the end, an offset, or the first record at or after a time (the end, when there
 * is none).
 */
export type StartPosition = 'beginning' | 'end' | { readonly offset: number } | { readonly timestampMs: number };

/** A partition to read, and where from when it differs from the consumer's `from`. */
export interface Assignment extends TopicPartition {
  readonly from?: StartPosition;
}
