/**
 * Sends that found the buffer full, in order, until there is room: a `send` whose caller did not wait for earlier
 * ones, or a `sendBatch` larger than the buffer. Bounded too; what does not fit here is refused.
 */
import { BoundedQueue, type MillraceError } from '@millrace/base';
import { BatchSend } from './batch-send.js';
import type { Delivery } from './delivery.js';
import type { BatchRecord } from './producer-record.js';

export interface OverflowItem<Key, Value> {
  readonly topic: string;
  readonly records: readonly BatchRecord<Key, Value>[];
  /** The first record that has not been accepted yet. */
  index: number;
  readonly sink: Delivery | BatchSend;
}

/** Returns false when there is no room for the record now. */
export type Accept<Key, Value> = (
  topic: string,
  record: BatchRecord<Key, Value>,
  sink: Delivery | BatchSend,
) => boolean;

/** Single sends: more than these are surely not awaited by anybody. Their bytes are bounded as well. */
const maxItems = 1_000_000;

export class Overflow<Key, Value> {
  readonly #queue: BoundedQueue<OverflowItem<Key, Value>>;

  constructor(maxBytes: number) {
    this.#queue = new BoundedQueue({ maxItems, maxBytes });
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }

  offer(item: OverflowItem<Key, Value>, sizeBytes: number): boolean {
    return this.#queue.offer(item, sizeBytes);
  }

  /** Accepts records in order until there is no room for one. */
  drain(accept: Accept<Key, Value>): void {
    for (let item = this.#queue.peek(); item !== undefined; item = this.#queue.peek()) {
      while (item.index < item.records.length) {
        if (!accept(item.topic, item.records[item.index] as BatchRecord<Key, Value>, item.sink)) return;
        item.index += 1;
      }
      this.#queue.take();
      if (item.sink instanceof BatchSend) item.sink.complete();
    }
  }

  /** Gives up on everything that waits. */
  clear(error: MillraceError, fail: (delivery: Delivery, error: MillraceError) => void): void {
    for (let item = this.#queue.take(); item !== undefined; item = this.#queue.take()) {
      if (item.sink instanceof BatchSend) {
        item.sink.refused(error, item.records.length - item.index);
        item.sink.complete();
      } else {
        fail(item.sink, error);
      }
    }
  }
}
