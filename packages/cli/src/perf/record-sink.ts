/** Where a produce load hands its records: to the producer as they come, or to one transaction after the other. */
import type { MillraceError } from '@millrace/base';
import type { Producer, ProducerRecord, Transaction } from '@millrace/producer';

export type OnSettled = (error?: MillraceError) => void;

export interface RecordSink {
  /** False: not taken; wait for `ready`, and offer it again. `onSettled` hears when the record counts, or why it does not. */
  enqueue(record: ProducerRecord, onSettled: OnSettled): boolean;
  ready(signal: AbortSignal): Promise<void>;
  /** Resolves when everything that was taken counts. */
  end(signal: AbortSignal): Promise<void>;
}

export class PlainSink implements RecordSink {
  readonly #producer: Producer;

  constructor(producer: Producer) {
    this.#producer = producer;
  }

  enqueue(record: ProducerRecord, onSettled: OnSettled): boolean {
    return this.#producer.enqueue(record, onSettled);
  }

  ready(signal: AbortSignal): Promise<void> {
    return this.#producer.ready({ signal });
  }

  end(signal: AbortSignal): Promise<void> {
    return this.#producer.flush({ signal });
  }
}

/** A record counts once its transaction is committed, and so does the time that it took. */
export class TransactionSink implements RecordSink {
  readonly #producer: Producer;
  readonly #recordsPerTransaction: number;
  #transaction: Transaction | undefined;
  #inTransaction: OnSettled[] = [];

  constructor(producer: Producer, recordsPerTransaction: number) {
    this.#producer = producer;
    this.#recordsPerTransaction = recordsPerTransaction;
  }

  enqueue(record: ProducerRecord, onSettled: OnSettled): boolean {
    if (this.#transaction === undefined || this.#isFull || !this.#transaction.enqueue(record)) return false;
    this.#inTransaction.push(onSettled);
    return true;
  }

  async ready(signal: AbortSignal): Promise<void> {
    if (this.#isFull) await this.#commit();
    if (this.#transaction === undefined) this.#transaction = await this.#producer.beginTransaction();
    else await this.#transaction.ready({ signal });
  }

  async end(): Promise<void> {
    await this.#commit();
  }

  get #isFull(): boolean {
    return this.#inTransaction.length === this.#recordsPerTransaction;
  }

  async #commit(): Promise<void> {
    await this.#transaction?.commit();
    this.#transaction = undefined;
    for (const onSettled of this.#inTransaction) onSettled();
    this.#inTransaction = [];
  }
}
