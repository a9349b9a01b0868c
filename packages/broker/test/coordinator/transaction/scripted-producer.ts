import {
  endTxnApi,
  fetchApi,
  findCoordinatorApi,
  initProducerIdApi,
  produceApi,
  type ProduceResponse,
  txnOffsetCommitApi,
} from '@millrace/protocol';
import { BatchView, nextBatchSize, recordsOf } from '@millrace/record';
import { batchOf, errorName } from '../../node-fixture.js';
import type { RawClient } from '../../raw-client.js';

export interface ScriptedProducerOptions {
  readonly transactionalId?: string;
  readonly timeoutMs?: number;
}

/** A transactional producer that does what it is told, step by step, and retries nothing. */
export class ScriptedProducer {
  client: RawClient;
  readonly transactionalId: string;
  readonly timeoutMs: number;
  producerId = -1;
  epoch = -1;
  readonly #sequences = new Map<string, number>();

  constructor(client: RawClient, { transactionalId = 't', timeoutMs = 60_000 }: ScriptedProducerOptions = {}) {
    this.client = client;
    this.transactionalId = transactionalId;
    this.timeoutMs = timeoutMs;
  }

  /** As a process that has just begun does, or one that goes on with the identity it has. Returns the error. */
  async init(as: 'new' | 'again' = 'new'): Promise<string> {
    const isNew = as === 'new';
    const { body } = await this.client.call(initProducerIdApi, {
      transactionalId: this.transactionalId,
      transactionTimeoutMs: this.timeoutMs,
      producerId: isNew ? -1 : this.producerId,
      producerEpoch: isNew ? -1 : this.epoch,
    });
    if (body.error === 0) this.use(body);
    return errorName(body.error);
  }

  use({ producerId, producerEpoch }: { producerId: number; producerEpoch: number }): void {
    this.producerId = producerId;
    this.epoch = producerEpoch;
    this.#sequences.clear();
  }

  /** One batch to one partition; the number of the error. */
  async send(topicId: string, values: readonly string[], partition = 0): Promise<string> {
    const [result] = await this.produce([{ topicId, partition, values }]);
    return errorName(result?.error);
  }

  async produce(
    entries: readonly { topicId: string; partition: number; values: readonly string[] }[],
  ): Promise<ProduceResponse['partitions']> {
    const batches = entries.map(({ topicId, partition, values }) => this.batch(topicId, partition, values));
    return this.sendBatches(entries, batches);
  }

  batch(topicId: string, partition: number, values: readonly string[]): Uint8Array {
    const key = `${topicId}:${partition}`;
    const baseSequence = this.#sequences.get(key) ?? 0;
    this.#sequences.set(key, baseSequence + values.length);
    const { producerId, epoch: producerEpoch } = this;
    return batchOf(values, { producerId, producerEpoch, baseSequence, isTransactional: true });
  }

  async sendBatches(
    entries: readonly { topicId: string; partition: number }[],
    batches: readonly Uint8Array[],
  ): Promise<ProduceResponse['partitions']> {
    const body = {
      acks: -1 as const,
      timeoutMs: 30_000,
      transactionalId: this.transactionalId,
      partitions: entries.map(({ topicId, partition }, index) => ({
        topicId,
        partition,
        leaderEpoch: -1,
        bytes: batches[index]?.length ?? 0,
      })),
    };
    return (await this.client.call(produceApi, body, batches)).body.partitions;
  }

  /** A batch that was made before, to be sent as often as it takes. Returns the error. */
  async sendBatch(place: { topicId: string; partition: number }, batch: Uint8Array): Promise<string> {
    const [result] = await this.sendBatches([place], [batch]);
    return errorName(result?.error);
  }

  /** Of the first partition, for a group without members. Returns the error. */
  async commitOffset(group: string, topicId: string, offset: number): Promise<string> {
    const { transactionalId, producerId, epoch: producerEpoch } = this;
    const member = { memberId: '', memberEpoch: -1, instanceId: null };
    const partitions = [{ topicId, partition: 0, offset, leaderEpoch: -1, metadata: null }];
    const request = { transactionalId, producerId, producerEpoch, group, ...member, partitions };
    const { body } = await this.client.call(txnOffsetCommitApi, request);
    return errorName(body.partitions[0]?.error);
  }

  /** Takes what comes back for the next transaction, unless told not to. Returns the error. */
  async end(committed: boolean, { forget = false }: { forget?: boolean } = {}): Promise<string> {
    const { transactionalId, producerId, epoch: producerEpoch } = this;
    const { body } = await this.client.call(endTxnApi, { transactionalId, producerId, producerEpoch, committed });
    if (body.error === 0 && !forget) this.use(body);
    return errorName(body.error);
  }
}

/** What a reader of committed records sees: records of aborted transactions and markers left out. */
export async function readCommitted(client: RawClient, topicId: string, partition = 0): Promise<string[]> {
  const { body, payload } = await client.call(fetchApi, {
    maxWaitMs: 0,
    minBytes: 1,
    maxBytes: 1_000_000,
    isolation: 'read-committed',
    partitions: [{ topicId, partition, leaderEpoch: -1, fetchOffset: 0, maxBytes: 1_000_000 }],
  });
  const [result] = body.partitions;
  if (result === undefined || result.error !== 0) throw new Error(`fetch: ${errorName(result?.error)}`);
  const view = new BatchView();
  const values: string[] = [];
  let position = 0;
  for (let size = nextBatchSize(payload, 0, payload.length); size !== undefined;) {
    const batch = view.at(payload, position);
    const { producerId, baseOffset, isControl } = batch;
    const isAborted = result.aborted.some(
      (one) => one.producerId === producerId && one.firstOffset <= baseOffset && baseOffset <= one.lastOffset,
    );
    if (!isControl && !isAborted) {
      for (const { value } of recordsOf(payload.subarray(position, position + size), { maxDecompressedBytes: 1e6 })) {
        values.push(Buffer.from(value ?? new Uint8Array()).toString());
      }
    }
    position += size;
    size = nextBatchSize(payload, position, payload.length);
  }
  return values;
}

export async function transactionCoordinatorOf(client: RawClient, transactionalId = 't') {
  const { body } = await client.call(findCoordinatorApi, { keyType: 'transaction', keys: [transactionalId] });
  const [found] = body.coordinators;
  if (found === undefined) throw new Error('no coordinator in the answer');
  return found;
}
