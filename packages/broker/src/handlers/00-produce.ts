/**
 * Produce: appends each entry's batch at once, in the order of arrival, and answers when all are committed (acks all),
 * when this node has them safe (acks 1), or not at all (acks 0).
 *
 *     entry --> appended --> committed                        answered when every entry is decided
 *          \      ^
 *           \--> waits: the first batches of a transaction here, until its coordinator knows of the partition
 *
 * Entries stand alone: one that is refused changes nothing for the others. With acks 0 nobody hears of an error, so
 * the connection is closed: the producer notices, and refreshes its metadata.
 */
import { produceApi, type ProduceRequest, type ProduceResponse, protocolError, splitPayload } from '@millrace/protocol';
import { BatchView, nextBatchSize } from '@millrace/record';
import type { AppendMemory } from '@millrace/storage';
import type { BrokerServices } from '../broker-services.js';
import type { WaitingBatch } from '../coordinator/transaction/transaction-admission.js';
import type { TransactionIdentity } from '../coordinator/transaction/transaction-verifier.js';
import type { Partition } from '../partition/partition.js';
import { type Answer, type AnyHandler, handlerOf, type RequestContext } from '../request.js';
import { PendingProduce } from '../waiting/pending-produce.js';
import { entryError } from './entry-error.js';
import { requireOpenTopic } from './require-open-topic.js';

type Entry = ProduceRequest['partitions'][number];
type Result = ProduceResponse['partitions'][number];

export function produceHandler(services: BrokerServices): AnyHandler {
  return handlerOf(produceApi, (request, context) => {
    const { acks, transactionalId } = request;
    if (transactionalId !== null && acks !== -1) {
      throw protocolError('INVALID_REQUIRED_ACKS', 'A transaction must be written with acks -1 (all).');
    }
    if (acks !== 0) services.produceDeadlines.requireRoom();
    return new Producing(services, request).run(context);
  });
}

const view = new BatchView();

class Producing {
  readonly #services: BrokerServices;
  readonly #request: ProduceRequest;
  readonly #results: Result[] = [];
  #pending: PendingProduce | undefined;
  #waitingForAdmission = 0;
  #done: (() => void) | undefined;

  constructor(services: BrokerServices, request: ProduceRequest) {
    this.#services = services;
    this.#request = request;
  }

  run(context: RequestContext): Answer<ProduceResponse> | Promise<Answer<ProduceResponse>> {
    const { partitions, acks, transactionalId } = this.#request;
    const batches = splitPayload(partitions, context.payload);
    const waiting: WaitingBatch[] = [];
    let identity: TransactionIdentity | undefined;
    for (const [index, entry] of partitions.entries()) {
      try {
        const partition = this.#partitionOf(entry);
        const batch = requireOneBatch(batches[index] ?? new Uint8Array());
        const transaction = transactionOf(batch, transactionalId);
        if (transaction === undefined || this.#isAdmitted(partition, transaction)) {
          this.#append(index, entry, partition, batch, context.memory);
          continue;
        }
        if (identity !== undefined && !isSame(identity, transaction)) throw severalProducers();
        waiting.push(this.#waitingBatch(index, entry, batch, context.memory));
        identity = transaction;
      } catch (error) {
        this.#fail(index, error);
      }
    }
    if (acks === 0) {
      if (this.#results.some(({ error }) => error !== 0)) context.connection.destroy();
      return undefined;
    }
    if (identity === undefined) return this.#pending === undefined ? this.#answer() : this.#whenDone(this.#pending);
    return this.#whenAdmitted(identity, waiting);
  }

  #isAdmitted(partition: Partition, transaction: TransactionIdentity): boolean {
    const { topicId, index, log } = partition;
    const { producerId, producerEpoch } = transaction;
    if (!log.isInTransaction(producerId, producerEpoch)) return false;
    return !this.#services.transactions.admission.hasLine(transaction, { topicId, partition: index });
  }

  #partitionOf(entry: Entry): Partition {
    const { partitions, mayBeReplaced } = this.#services;
    const partition = partitions.leader(entry.topicId, entry.partition, entry.leaderEpoch);
    requireOpenTopic(partition.topicName);
    if (mayBeReplaced()) partition.requireNoOtherLeader();
    if (this.#request.acks === -1) partition.requireMinInSync();
    return partition;
  }

  #append(
    index: number,
    entry: Entry,
    partition: Partition,
    batch: Uint8Array,
    memory: AppendMemory | undefined,
  ): void {
    const { metrics, produceDeadlines } = this.#services;
    const { acks } = this.#request;
    const { baseOffset, lastOffset, logAppendTimeMs } = partition.append(batch, memory);
    metrics.produced(batch.length);
    this.#results[index] = {
      topicId: entry.topicId,
      partition: entry.partition,
      error: 0,
      message: null,
      baseOffset,
      logAppendTimeMs,
      logStartOffset: partition.log.startOffset,
    };
    if (acks === 0 || partition.isCommitted(lastOffset, acks)) return;
    // One that is done already has waited for the entries that were appended at once.
    if (this.#pending === undefined || this.#pending.isDone) {
      this.#pending = new PendingProduce({
        deadlines: produceDeadlines,
        onEntryFailed: (failed, error) => {
          this.#fail(failed, error);
        },
        onDone: () => this.#done?.(),
      });
    }
    this.#pending.waitFor(index, partition, { lastOffset, acks });
  }

  #fail(index: number, error: unknown): void {
    const entry = this.#request.partitions[index];
    if (entry !== undefined) this.#results[index] = failedResult(this.#services, entry, error);
  }

  /** The payload is gone by then, unless it is kept. What was true of the partition may not be any more: it is looked at again. */
  #waitingBatch(index: number, entry: Entry, batch: Uint8Array, frameMemory: RequestContext['memory']): WaitingBatch {
    const { bytes, memory } = this.#services.transactions.admission.keep(batch, frameMemory);
    const settled = (settle: () => void): void => {
      try {
        settle();
      } catch (error) {
        this.#fail(index, error);
      } finally {
        memory.release();
      }
      this.#waitingForAdmission -= 1;
      if (this.#waitingForAdmission === 0) this.#done?.();
    };
    return {
      topicId: entry.topicId,
      partition: entry.partition,
      bytes: batch.length,
      admitted: () => {
        settled(() => {
          this.#append(index, entry, this.#partitionOf(entry), bytes, memory);
        });
      },
      refused: (error) => {
        settled(() => {
          this.#fail(index, error);
        });
      },
    };
  }

  async #whenAdmitted(
    identity: TransactionIdentity,
    waiting: readonly WaitingBatch[],
  ): Promise<Answer<ProduceResponse>> {
    this.#waitingForAdmission = waiting.length;
    await new Promise<void>((resolve) => {
      this.#done = () => {
        if (this.#waitingForAdmission === 0) resolve();
      };
      this.#services.transactions.admission.wait(identity, waiting);
    });
    this.#done = undefined;
    if (this.#pending === undefined || this.#pending.isDone) return this.#answer();
    return this.#whenDone(this.#pending);
  }

  #whenDone(pending: PendingProduce): Promise<Answer<ProduceResponse>> {
    return new Promise((resolve) => {
      this.#done = () => resolve(this.#answer());
      pending.start(Math.min(this.#request.timeoutMs, this.#services.settings.maxWaitMs));
    });
  }

  #answer(): Answer<ProduceResponse> {
    return { body: { partitions: this.#results } };
  }
}

/** What is inside is the log's to check; more than one batch could not be answered with one base offset. */
function requireOneBatch(bytes: Uint8Array): Uint8Array {
  if (nextBatchSize(bytes, 0, bytes.length) === bytes.length) return bytes;
  throw protocolError('CORRUPT_MESSAGE', `An entry of ${bytes.length} bytes is not exactly one record batch.`);
}

/** Undefined for a batch outside of transactions. */
function transactionOf(batch: Uint8Array, transactionalId: string | null): TransactionIdentity | undefined {
  const { isTransactional, producerId, producerEpoch } = view.at(batch, 0);
  if (isTransactional !== (transactionalId !== null)) {
    throw protocolError(
      'INVALID_REQUEST',
      isTransactional
        ? 'A batch of a transaction came without the transactional id of its producer.'
        : 'A batch outside of transactions came with a transactional id.',
    );
  }
  if (transactionalId === null || producerId < 0 || producerEpoch < 0) return undefined;
  return { transactionalId, producerId, producerEpoch };
}

function isSame(a: TransactionIdentity, b: TransactionIdentity): boolean {
  return a.producerId === b.producerId && a.producerEpoch === b.producerEpoch;
}

function severalProducers(): Error {
  return protocolError('INVALID_REQUEST', 'The batches of one request in a transaction must be of one producer.');
}

function failedResult(services: BrokerServices, entry: Entry, error: unknown): Result {
  return {
    topicId: entry.topicId,
    partition: entry.partition,
    ...entryError(services, produceApi, error),
    baseOffset: -1,
    logAppendTimeMs: -1,
    logStartOffset: -1,
  };
}
