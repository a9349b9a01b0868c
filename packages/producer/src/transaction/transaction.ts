/** One transaction: records and offsets that count together, or not at all. */
import type { Delivery } from '../delivery.js';
import type { BatchRecord, Bytes, DeliveryCallback, ProducerRecord, SendBatchResult } from '../producer-record.js';
import type { OffsetInTransaction, OffsetSource, TransactionGroup } from './transaction-offsets.js';
import type { TransactionManager } from './transaction-manager.js';

/** What the producer does for an open transaction. */
export interface TransactionSends<Key, Value> {
  send(record: ProducerRecord<Key, Value>): Delivery;
  sendBatch(batch: TopicBatch<Key, Value>): Promise<SendBatchResult>;
  enqueue(record: ProducerRecord<Key, Value>, onDelivery?: DeliveryCallback): boolean;
  ready(options?: { readonly signal?: AbortSignal }): Promise<void>;
}

export interface TopicBatch<Key, Value> {
  readonly topic: string;
  readonly records: readonly BatchRecord<Key, Value>[];
}

export class Transaction<Key = Bytes, Value = Bytes> {
  readonly #manager: TransactionManager;
  readonly #number: number;
  readonly #sends: TransactionSends<Key, Value>;
  readonly #onCommitted: (() => void)[] = [];

  /** Made by the producer. */
  constructor(manager: TransactionManager, number: number, sends: TransactionSends<Key, Value>) {
    this.#manager = manager;
    this.#number = number;
    this.#sends = sends;
  }

  /** Whether records and offsets can be added. */
  get isOpen(): boolean {
    return this.#manager.isOpen(this.#number);
  }

  /** Why it can only be aborted; undefined as long as it can be committed, as far as is known. */
  get failure(): Error | undefined {
    return this.isOpen ? this.#manager.failure : undefined;
  }

  /**
   * A commit was not answered: whether it is committed is not known. `commit()` again finds out. False once nobody can: the
   * producer is closed, or shut out.
   */
  get isUndecided(): boolean {
    return this.#manager.isUndecided(this.#number);
  }

  /** As `send` of a producer. A record that fails fails the transaction. */
  send(record: ProducerRecord<Key, Value>): Delivery {
    this.#requireOpen();
    return this.#sends.send(record);
  }

  /** As `sendBatch` of a producer. */
  sendBatch(batch: TopicBatch<Key, Value>): Promise<SendBatchResult> {
    this.#requireOpen();
    return this.#sends.sendBatch(batch);
  }

  /** As `enqueue` of a producer: false when there is no room; wait for `ready`, and offer the record again. */
  enqueue(record: ProducerRecord<Key, Value>, onDelivery?: DeliveryCallback): boolean {
    this.#requireOpen();
    return this.#sends.enqueue(record, onDelivery);
  }

  ready(options?: { readonly signal?: AbortSignal }): Promise<void> {
    return this.#sends.ready(options);
  }

  /**
   * Commits with the transaction what a group has read: the next offset to read of each partition. With the id of a group
   * alone it is one without members; a member commits under its epoch (`consumer.groupMetadata()`).
   */
  sendOffsets(offsets: readonly OffsetInTransaction[], group: string | TransactionGroup): Promise<void> {
    const who = typeof group === 'string' ? { group, memberId: '', memberEpoch: -1, instanceId: null } : group;
    return this.#manager.commitOffsets(this.#number, who, offsets);
  }

  /** Commits with the transaction everything that the consumer has handed over. Its `delivery` must be `'exactly-once'`. */
  async commitOffsets(consumer: OffsetSource): Promise<void> {
    const { offsets, committed, ...group } = consumer.transactionOffsets();
    await this.#manager.commitOffsets(this.#number, group, offsets);
    this.#onCommitted.push(committed);
  }

  /**
   * Commits everything, once every record is acknowledged. Rejects with the reason when the transaction was aborted instead;
   * with a retriable `REQUEST_TIMED_OUT` when it is not known which: call it again then.
   */
  async commit(): Promise<void> {
    await this.#manager.commit(this.#number);
    for (const committed of this.#onCommitted) committed();
  }

  /** Aborts everything: readers of committed records never see any of it. */
  abort(): Promise<void> {
    return this.#manager.abort(this.#number);
  }

  #requireOpen(): void {
    this.#manager.requireOpen(this.#number);
  }
}
