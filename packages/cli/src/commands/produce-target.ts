/**
 * Where the records of a `produce` command go: to the producer as they come, or in transactions of so many.
 *
 * In transactions a record counts as acknowledged when its transaction is committed. The first that is not ends the
 * command: what follows it in the input would be written without what comes before.
 */
import { errorCode, MillraceError } from '@millrace/base';
import type { Producer, ProducerRecord, Transaction } from '@millrace/producer';
import { ProduceSummary } from './produce-summary.js';

export interface ProduceTarget {
  /** False: something before has failed, and nothing more is taken. */
  send(record: ProducerRecord): Promise<boolean>;
  /** Resolves when everything has its outcome. */
  end(): Promise<void>;
}

export class PlainTarget implements ProduceTarget {
  readonly #producer: Producer;
  readonly #summary: ProduceSummary;
  readonly #signal: AbortSignal;

  constructor(producer: Producer, summary: ProduceSummary, signal: AbortSignal) {
    this.#producer = producer;
    this.#summary = summary;
    this.#signal = signal;
  }

  async send(record: ProducerRecord): Promise<boolean> {
    while (!this.#producer.enqueue(record, this.#summary.delivered))
      await this.#producer.ready({ signal: this.#signal });
    return true;
  }

  end(): Promise<void> {
    return this.#producer.flush();
  }
}

export class TransactionTarget implements ProduceTarget {
  readonly #producer: Producer;
  readonly #recordsPerTransaction: number;
  readonly #summary: ProduceSummary;
  readonly #signal: AbortSignal;
  #transaction: Transaction | undefined;
  /** Of the open transaction. */
  #delivered = new ProduceSummary();
  #records = 0;
  #hasFailed = false;

  constructor(producer: Producer, recordsPerTransaction: number, summary: ProduceSummary, signal: AbortSignal) {
    this.#producer = producer;
    this.#recordsPerTransaction = recordsPerTransaction;
    this.#summary = summary;
    this.#signal = signal;
  }

  async send(record: ProducerRecord): Promise<boolean> {
    if (this.#hasFailed) return false;
    this.#records += 1;
    await this.#attempt(async () => {
      const tx = (this.#transaction ??= await this.#producer.beginTransaction());
      while (!tx.enqueue(record, this.#delivered.delivered)) await tx.ready({ signal: this.#signal });
      if (this.#records === this.#recordsPerTransaction) await this.#commit(tx);
    });
    return !this.#hasFailed;
  }

  async end(): Promise<void> {
    const tx = this.#transaction;
    if (tx === undefined || this.#hasFailed) return;
    await this.#attempt(async () => {
      if (this.#signal.aborted)
        throw new MillraceError('TRANSACTION_ABORTABLE', 'The command was stopped in the middle.');
      await this.#commit(tx);
    });
  }

  async #commit(tx: Transaction): Promise<void> {
    await tx.commit();
    this.#summary.add(this.#delivered);
    this.#delivered = new ProduceSummary();
    this.#transaction = undefined;
    this.#records = 0;
  }

  async #attempt(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      this.#hasFailed = true;
      const tx = this.#transaction;
      this.#summary.fail(this.#records, (await this.#end(tx, tx?.failure ?? error)) ?? error);
    }
  }

  /** Aborts what is open. Returns what says more than the failure that led to it. */
  async #end(tx: Transaction | undefined, reason: unknown): Promise<unknown> {
    if (tx === undefined || tx.isUndecided) return reason;
    try {
      await tx.abort();
      return reason;
    } catch (error) {
      return errorCode(error) === 'PRODUCER_FENCED' ? error : reason;
    }
  }
}
