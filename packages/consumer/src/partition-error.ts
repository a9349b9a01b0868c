import { MillraceError } from '@millrace/base';
import type { TopicPartition } from './consumer-record.js';

/**
 * Reading one partition cannot go on by itself. Other partitions are not affected; this one stays where it is until
 * the program seeks, to `nextOffset` for instance to leave the unreadable records out.
 */
export class PartitionError extends MillraceError {
  readonly topic: string;
  readonly partition: number;
  /** Where reading stopped; -1 when no position was known yet. */
  readonly offset: number;
  /** The first offset after what cannot be read; undefined when there is no such place. */
  readonly nextOffset: number | undefined;

  constructor(
    where: TopicPartition & { readonly offset: number; readonly nextOffset?: number | undefined },
    cause: MillraceError,
  ) {
    const skip = where.nextOffset === undefined ? '' : ` Seek to ${where.nextOffset} to go on after it.`;
    super(
      cause.code,
      `Reading ${where.topic}-${where.partition} stopped at offset ${where.offset}: ${cause.message}${skip}`,
      { retriable: cause.retriable, cause },
    );
    this.name = 'PartitionError';
    this.topic = where.topic;
    this.partition = where.partition;
    this.offset = where.offset;
    this.nextOffset = where.nextOffset;
  }
}
