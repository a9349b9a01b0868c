/**
 * Sends that found the buffer full, in order, until there is room: a `send` whose caller did not wait for earlier
 * ones, or a `sendBatch` larger than the buffer. Bounded too; what does not fit here is refused.
 */
import { BoundedQueue, type MillraceError } from '@millrace/base';
import { BatchSend } from './batch-send.js';
import type { Delivery } from './delivery.js';
import type { FlushTracker, Generation } from './flush-tracker.js';
import type { BatchRecord } from './producer-record.js';

export interface OverflowSend<Key, Value> {
  readonly topic: string;
  readonly records: readonly BatchRecord<Key, Value>[];
  readonly sink: Delivery | BatchSend;
}

interface Item<Key, Value> extends OverflowSend<Key, Value> {
  /** The first record that has not been accepted yet. */
  index: number;
  /** The flush that waits for it, as for one more record. */
  readonly generation: Generation;
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
  readonly #flushes: FlushTracker;
  readonly #queue: BoundedQueue<Item<Key, Value>>;

  constructor(maxBytes: number, flushes: FlushTracker) {
    this.#queue = new BoundedQueue({ maxItems, maxBytes });
    this.#flushes = flushes;
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }

  offer(send: OverflowSend<Key, Value>, sizeBytes: number): boolean {
    const generation = this.#flushes.current;
    if (!this.#queue.offer({ ...send, index: 0, generation }, sizeBytes)) return false;
    this.#flushes.accept(generation);
    return true;
  }

  /** Accepts records in order until there is no room for one. */
  drain(accept: Accept<Key, Value>): void {
    for (let item = this.#queue.peek(); item !== undefined; item = this.#queue.peek()) {
      const { generation, sink } = item;
      if (!this.#flushes.within(generation, () => drainOne(item, accept))) return;
      this.#queue.take();
      if (sink instanceof BatchSend) sink.complete();
      this.#flushes.resolved(generation, 1);
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
      this.#flushes.resolved(item.generation, 1);
    }
  }
}

function drainOne<Key, Value>(item: Item<Key, Value>, accept: Accept<Key, Value>): boolean {
  for (; item.index < item.records.length; item.index += 1) {
    if (!accept(item.topic, item.records[item.index] as BatchRecord<Key, Value>, item.sink)) return false;
  }
  return true;
}
