/**
 * Consume, transform, produce: each batch is worked on in a transaction of a producer, which commits what was produced and
 * that the batch is done, both or neither.
 *
 *     batch ─▶ begin ─▶ eachBatch ─▶ offsets ─▶ commit ─▶ next batch
 *                          └─ something failed: abort ─▶ back to what is committed ─▶ the same records again
 *
 * So every record counts exactly once in what comes out, as it is read by those who read committed records: after a
 * crash, a rebalance, a lost answer alike.
 */
import { errorCode, MillraceError } from '@millrace/base';
import type { ConsumerBatch } from './consumer-batch.js';
import type { TransactionOffsets } from './group/transaction-offsets.js';

/** What the transaction asks of the consumer. */
export interface TransactedConsumer {
  transactionOffsets(): TransactionOffsets;
  seekToCommitted(): Promise<void>;
}

/** An open transaction of a producer. */
export interface ConsumerTransaction {
  readonly isOpen: boolean;
  readonly isUndecided: boolean;
  readonly failure: Error | undefined;
  commitOffsets(consumer: TransactedConsumer): Promise<void>;
  commit(): Promise<void>;
  abort(): Promise<void>;
}

export interface TransactOptions<Key, Value, Transaction extends ConsumerTransaction> {
  /** With a `transactionalId` of its own: no two at the same time may have the same. */
  readonly producer: { beginTransaction(): Promise<Transaction> };
  /**
   * What comes of a batch: sends through `tx`. It may be called with the same records again, after what it sent before was
   * aborted. What it throws aborts the transaction, and ends the whole.
   */
  readonly eachBatch: (batch: ConsumerBatch<Key, Value>, tx: Transaction) => Promise<void> | void;
  readonly signal?: AbortSignal;
}

export interface TransactContext<Key, Value> {
  readonly consumer: TransactedConsumer;
  readonly batches: AsyncIterable<ConsumerBatch<Key, Value>>;
  /** The pause after so many failures in a row. */
  readonly pause: (failures: number) => Promise<void>;
  /** The consumer was closed: what is done counts, what is not is for the next owner. */
  readonly isOver: () => boolean;
}

export async function transact<Key, Value, Transaction extends ConsumerTransaction>(
  { consumer, batches, pause, isOver }: TransactContext<Key, Value>,
  { producer, eachBatch, signal }: TransactOptions<Key, Value, Transaction>,
): Promise<void> {
  let failures = 0;
  for await (const batch of batches) {
    const tx = await producer.beginTransaction();
    const failure = await attempt(tx, () => eachBatch(batch, tx), consumer, signal);
    if (failure === undefined) {
      failures = 0;
      continue;
    }
    await abort(tx);
    if (!isOver()) await goBack(consumer, pause, signal);
    if (!failure.mayPass) throw failure.error;
    if (isOver()) return;
    failures += 1;
    await pause(failures);
  }
}

interface Failure {
  readonly error: unknown;
  /** The same records may do better in another transaction. */
  readonly mayPass: boolean;
}

async function attempt(
  tx: ConsumerTransaction,
  work: () => Promise<void> | void,
  consumer: TransactedConsumer,
  signal: AbortSignal | undefined,
): Promise<Failure | undefined> {
  try {
    await work();
  } catch (error) {
    return { error, mayPass: tx.failure !== undefined && mayPass(tx.failure) };
  }
  try {
    await tx.commitOffsets(consumer);
    while (tx.isOpen || tx.isUndecided) await commit(tx, signal);
    return undefined;
  } catch (error) {
    // Whether it is committed is not known: neither going on nor going back would be right.
    if (tx.isUndecided) throw error;
    return { error, mayPass: mayPass(error) };
  }
}

/** Asks again as long as the outcome is not known. */
async function commit(tx: ConsumerTransaction, signal: AbortSignal | undefined): Promise<void> {
  try {
    await tx.commit();
  } catch (error) {
    const mayAsk = tx.isUndecided && errorCode(error) === 'REQUEST_TIMED_OUT' && signal?.aborted !== true;
    if (!mayAsk) throw error;
  }
}

/** An abort that is not answered in time is finished by the next transaction; a producer that is fenced ends it all. */
async function abort(tx: ConsumerTransaction): Promise<void> {
  try {
    await tx.abort();
  } catch (error) {
    if (!(error instanceof MillraceError && error.retriable)) throw error;
  }
}

async function goBack(
  consumer: TransactedConsumer,
  pause: (failures: number) => Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (let failures = 1; ; failures += 1) {
    try {
      await consumer.seekToCommitted();
      return;
    } catch (error) {
      if (signal?.aborted === true || !(error instanceof MillraceError && error.retriable)) throw error;
      await pause(failures);
    }
  }
}

function mayPass(error: unknown): boolean {
  return error instanceof MillraceError && (error.retriable || passing.has(error.code));
}

/** The membership is renewed, the transaction was ended by its timeout, or somebody else has committed further. */
const passing: ReadonlySet<string> = new Set([
  'STALE_MEMBER_EPOCH',
  'FENCED_MEMBER_EPOCH',
  'UNKNOWN_MEMBER_ID',
  'ILLEGAL_GENERATION',
  'COMMIT_GOES_BACK',
  'TRANSACTION_ABORTABLE',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_TXN_STATE',
]);
