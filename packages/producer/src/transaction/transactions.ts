/** The transactions of one producer: how they are run, from their beginning until their outcome is known. */
import { errorMessage, type MillraceError } from '@millrace/base';
import type { ClusterClient } from '@millrace/client';
import type { ProducerSettings } from '../producer-options.js';
import type { SenderCore } from '../sender-core.js';
import { Transaction, type TransactionSends } from './transaction.js';
import { TransactionManager } from './transaction-manager.js';
import { TransactionRequests } from './transaction-requests.js';

export interface TransactionsOptions<Key, Value> {
  readonly client: ClusterClient;
  readonly transactionalId: string;
  readonly settings: Pick<ProducerSettings, 'transactionTimeoutMs' | 'deliveryTimeoutMs'>;
  readonly core: Pick<SenderCore, 'beginTransaction' | 'failure' | 'hasSent'>;
  /** Fails all records without outcome. */
  readonly fail: (error: MillraceError) => void;
  /** Resolves when all records have their outcome. */
  readonly flush: () => Promise<void>;
  readonly sends: TransactionSends<Key, Value>;
}

export class Transactions<Key, Value> {
  readonly #options: TransactionsOptions<Key, Value>;
  readonly #manager: TransactionManager;

  constructor(options: TransactionsOptions<Key, Value>) {
    this.#options = options;
    const { client, transactionalId, core, fail, flush } = options;
    const { transactionTimeoutMs, deliveryTimeoutMs } = options.settings;
    this.#manager = new TransactionManager({
      transactionalId,
      transactionTimeoutMs,
      timeoutMs: deliveryTimeoutMs,
      requests: new TransactionRequests({ client, transactionalId, transactionTimeoutMs }),
      records: {
        begin: (identity) => core.beginTransaction(identity),
        get failure() {
          return core.failure;
        },
        get hasSent() {
          return core.hasSent;
        },
        fail,
        flush,
      },
    });
  }

  async run<Result>(work: (tx: Transaction<Key, Value>) => Promise<Result> | Result): Promise<Result> {
    const tx = await this.begin();
    let result: Result;
    try {
      result = await work(tx);
    } catch (error) {
      await this.#abortAfter(tx, error);
      throw error;
    }
    while (tx.isOpen || tx.isUndecided) await this.#commit(tx);
    return result;
  }

  async begin(): Promise<Transaction<Key, Value>> {
    return new Transaction(this.#manager, await this.#manager.begin(), this.#options.sends);
  }

  /** Never rejects: what cannot be aborted now the coordinator aborts in time. */
  async close(timeoutMs: number): Promise<void> {
    try {
      await this.#manager.close(timeoutMs);
    } catch (error) {
      this.#warn('the last transaction was not ended properly', { error: errorMessage(error) });
    }
  }

  /** What waits for an answer waits no longer. */
  giveUp(error: MillraceError): void {
    this.#manager.giveUp(error);
  }

  async #commit(tx: Transaction<Key, Value>): Promise<void> {
    try {
      await tx.commit();
    } catch (error) {
      if (!tx.isUndecided) throw error;
      this.#warn('a commit was not answered; it is asked for again', { error: errorMessage(error) });
    }
  }

  async #abortAfter(tx: Transaction<Key, Value>, reason: unknown): Promise<void> {
    try {
      await tx.abort();
    } catch (error) {
      // Nothing of it will count all the same: by its timeout, or because somebody else has the id.
      if (this.#manager.unusable !== undefined) throw this.#manager.unusable;
      const facts = { error: errorMessage(error), reason: errorMessage(reason) };
      this.#warn('a transaction was not aborted in time; the next one begins with that', facts);
    }
  }

  #warn(message: string, facts: Readonly<Record<string, string>>): void {
    const { client, transactionalId } = this.#options;
    client.environment.logger.warn(message, { transactionalId, ...facts });
  }
}
