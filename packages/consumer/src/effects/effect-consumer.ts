/**
 * Consumes records whose effects go into a database of the program, each exactly once: effect and offset are stored in one
 * transaction, and reading begins at the stored offset.
 *
 *     partitions come ─▶ claim their rows ─▶ batches ─▶ one transaction for up to `recordsPerTransaction` records
 *
 * The offsets that the group has committed follow what the database has, so that lag can be seen; nobody reads from them
 * once there is a row.
 */
import { errorCode, MillraceError } from '@millrace/base';
import type { ConsumerBatch } from '../consumer-batch.js';
import type { ConsumerOptions } from '../consumer-options.js';
import type { ConsumerRecord, TopicPartition } from '../consumer-record.js';
import { Consumer, type ConsumerStats } from '../consumer.js';
import type { AssignmentFacts } from '../group/group-options.js';
import type { RunOptions } from '../run/run-options.js';
import { Claims, type Claim } from './claims.js';
import type { EffectStore } from './effect-store.js';

export interface EffectConsumerOptions<Key, Value, Transaction> extends Pick<
  RunOptions<Key, Value>,
  'concurrency' | 'retryBackoffMs' | 'retryBackoffMaxMs'
> {
  /** As of a consumer of a group; `delivery` is exactly-once. */
  readonly consumer: Omit<ConsumerOptions<Key, Value>, 'assignments' | 'delivery' | 'autoCommit'>;
  readonly store: EffectStore<Transaction>;
  /** The effect of a record: everything it does with the transaction happens once. It may be called again after a failure. */
  readonly eachRecord: (record: ConsumerRecord<Key, Value>, transaction: Transaction) => Promise<void> | void;
  /** More of them make transactions cheaper, and fewer make them shorter (100). */
  readonly recordsPerTransaction?: number;
  /** After a transaction that failed: 'stop' (default) ends `run`, 'retry' begins it again after a while. */
  readonly onError?: 'stop' | 'retry';
}

export class EffectConsumer<Transaction, Key = Uint8Array | null, Value = Uint8Array | null> {
  readonly #options: EffectConsumerOptions<Key, Value, Transaction>;
  readonly #consumer: Consumer<Key, Value>;
  readonly #claims: Claims<Key, Value, Transaction>;
  readonly #recordsPerTransaction: number;
  #applied = 0;
  #fenced = 0;

  constructor(options: EffectConsumerOptions<Key, Value, Transaction>) {
    const { consumer, store, recordsPerTransaction = 100 } = options;
    if (consumer.group === undefined) throw invalid('its consumer needs a group.');
    if (!Number.isSafeInteger(recordsPerTransaction) || recordsPerTransaction < 1) {
      throw invalid(`recordsPerTransaction must be a whole number from 1, got ${recordsPerTransaction}.`);
    }
    this.#options = options;
    this.#recordsPerTransaction = recordsPerTransaction;
    this.#claims = new Claims(store, consumer.group);
    this.#consumer = new Consumer<Key, Value>({
      ...consumer,
      delivery: 'exactly-once',
      onAssigned: async (partitions, facts) => {
        await this.#claim(partitions, facts);
        await consumer.onAssigned?.(partitions, facts);
      },
      onRevoked: async (partitions) => {
        await consumer.onRevoked?.(partitions);
        this.#claims.drop(partitions);
      },
      onLost: async (partitions) => {
        this.#claims.drop(partitions);
        await consumer.onLost?.(partitions);
      },
    });
  }

  /** Resolves when it is closed; rejects with the first error. */
  run(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const { concurrency, retryBackoffMs, retryBackoffMaxMs, onError = 'stop' } = this.#options;
    return this.#consumer.run({
      // No attempt makes a claim that was refused.
      onError: ({ error }) => (errorCode(error) === 'FENCED_MEMBER_EPOCH' ? 'stop' : onError),
      eachBatch: (batch) => this.#batch(batch),
      ...(concurrency === undefined ? {} : { concurrency }),
      ...(retryBackoffMs === undefined ? {} : { retryBackoffMs }),
      ...(retryBackoffMaxMs === undefined ? {} : { retryBackoffMaxMs }),
      ...options,
    });
  }

  /** Those of its consumer, how many records had their effect here, and how many transactions found a newer owner. */
  stats(): ConsumerStats & { readonly applied: number; readonly fenced: number } {
    return { ...this.#consumer.stats(), applied: this.#applied, fenced: this.#fenced };
  }

  assignment(): TopicPartition[] {
    return this.#consumer.assignment();
  }

  close(): Promise<void> {
    this.#claims.endFenced();
    return this.#consumer.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #claim(partitions: readonly TopicPartition[], { memberEpoch }: AssignmentFacts): Promise<void> {
    for (const partition of partitions) {
      const offset = await this.#claims.claim(partition, memberEpoch);
      // It may have been lost in the meantime: then there is nothing to seek in.
      if (!this.#isAssigned(partition)) {
        this.#claims.drop([partition]);
      } else if (offset >= 0) {
        this.#consumer.seek(partition, { offset });
        // The owner before may have ended between its transaction and its commit, and perhaps nothing more comes.
        this.#consumer.commitAsync([{ ...partition, offset }]);
      }
    }
  }

  #isAssigned({ topic, partition }: TopicPartition): boolean {
    return this.#consumer.assignment().some((one) => one.topic === topic && one.partition === partition);
  }

  async #batch(batch: ConsumerBatch<Key, Value>): Promise<void> {
    const claim = this.#claims.of(batch);
    if (claim === undefined) {
      if (!this.#isAssigned(batch)) return;
      throw new MillraceError(
        'FENCED_MEMBER_EPOCH',
        `${batch.topic}-${batch.partition} could not be claimed in the database when it came: begin again with a new consumer.`,
      );
    }
    if (claim.isFenced) {
      await claim.end.promise;
      return;
    }
    let records: ConsumerRecord<Key, Value>[] = [];
    for (const record of batch) {
      records.push(record);
      if (records.length < this.#recordsPerTransaction) continue;
      if (!(await this.#apply(claim, records))) return;
      records = [];
    }
    if (!(await this.#apply(claim, records))) return;
    const { topic, partition, nextOffset } = batch;
    if (this.#claims.of(batch) === claim) this.#consumer.commitAsync([{ topic, partition, offset: nextOffset }]);
  }

  /** Whether to go on with the batch. */
  async #apply(claim: Claim, records: readonly ConsumerRecord<Key, Value>[]): Promise<boolean> {
    const applied = await this.#claims.apply(claim, records, this.#options.eachRecord);
    if (applied >= 0) {
      this.#applied += applied;
      return true;
    }
    this.#fenced += 1;
    // What was read here is another's. As long as this member has not heard of it, it neither goes on nor skips anything.
    await claim.end.promise;
    return false;
  }
}

function invalid(what: string): MillraceError {
  return new MillraceError('INVALID_CONFIG', `Options of an EffectConsumer: ${what}`);
}
