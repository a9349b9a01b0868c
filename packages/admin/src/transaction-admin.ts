/** What an operator does with transactions: look at them, and end one whose producer does not. */
import type { Attempt, ClusterClient, RetryLimit } from '@millrace/client';
import {
  describeProducersApi,
  describeTransactionsApi,
  errorFromWire,
  initProducerIdApi,
  listTransactionsApi,
  metadataApi,
  protocolError,
  type TransactionStateName,
} from '@millrace/protocol';
import { askLeaders, type PartitionOfTopic } from './ask-leaders.js';
import { untilAnswered } from './final-answer.js';

export interface TransactionSummary {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly state: TransactionStateName;
}

export interface TransactionDescription {
  readonly transactionalId: string;
  readonly state: TransactionStateName;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly timeoutMs: number;
  /** Null when none is open. */
  readonly startedMs: number | null;
  /** Those that it wrote to, while it is open or being ended. A topic that was deleted meanwhile is named by its id. */
  readonly partitions: readonly PartitionOfTopic[];
}

/** A producer as one partition knows it. */
export interface PartitionProducer extends PartitionOfTopic {
  readonly producerId: number;
  readonly producerEpoch: number;
  /** -1: nothing in this epoch. */
  readonly lastSequence: number;
  readonly lastWriteMs: number;
  /** Of the newest end of a transaction of it there; -1: none. */
  readonly coordinatorEpoch: number;
  /** Null when it has no open transaction there. */
  readonly transactionStartOffset: number | null;
}

export interface TransactionFilter {
  readonly states?: readonly TransactionStateName[];
  /** Only those that have been open for at least so long. */
  readonly openForMs?: number;
}

type Described = Omit<TransactionDescription, 'partitions' | 'startedMs'> & {
  readonly startedAt: number;
  readonly partitions: readonly { readonly topicId: string; readonly partition: number }[];
};

/** Of every node that is there; a node that goes while it is asked makes the call start again. */
export async function listTransactions(
  client: ClusterClient,
  { states = [], openForMs = -1 }: TransactionFilter,
  limit: RetryLimit,
): Promise<TransactionSummary[]> {
  return untilAnswered(client, limit, async (attempt) => {
    await client.refresh([], attempt);
    const request = { states: [...states], openForMs };
    const replies = await Promise.all(
      client.nodes.map(({ nodeId }) => client.call({ node: nodeId }, listTransactionsApi, request, [], attempt)),
    );
    for (const { body } of replies) {
      const error = errorFromWire(body, 'Listing transactions');
      if (error !== undefined) throw error;
    }
    const found = replies.flatMap(({ body }) => body.transactions);
    return found.sort((a, b) => (a.transactionalId < b.transactionalId ? -1 : 1));
  });
}

export async function describeTransaction(
  client: ClusterClient,
  transactionalId: string,
  limit: RetryLimit,
): Promise<TransactionDescription> {
  const { startedAt, partitions, ...rest } = await untilAnswered(client, limit, (attempt) =>
    describeOnce(client, transactionalId, attempt),
  );
  const names = partitions.length === 0 ? new Map<string, string>() : await topicNames(client, limit);
  return {
    ...rest,
    startedMs: startedAt < 0 ? null : startedAt,
    partitions: partitions
      .map(({ topicId, partition }) => ({ topic: names.get(topicId) ?? topicId, partition }))
      .sort((a, b) => (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition)),
  };
}

/** Aborts the open transaction, and fences its producer: the coordinator takes this call for a producer in its place. */
export async function abortTransaction(
  client: ClusterClient,
  transactionalId: string,
  limit: RetryLimit,
): Promise<void> {
  const { state, timeoutMs } = await untilAnswered(client, limit, (attempt) =>
    describeOnce(client, transactionalId, attempt),
  );
  if (state !== 'ongoing') {
    throw protocolError(
      'INVALID_TXN_STATE',
      `The transactional id ${JSON.stringify(transactionalId)} has no open transaction: it is ${state}.`,
    );
  }
  const request = { transactionalId, transactionTimeoutMs: timeoutMs, producerId: -1, producerEpoch: -1 };
  await untilAnswered(client, limit, async (attempt) => {
    const { body } = await client.call(coordinatorOf(transactionalId), initProducerIdApi, request, [], attempt);
    const error = errorFromWire(body, `Aborting the transaction of ${transactionalId}`);
    if (error !== undefined) throw error;
  });
}

export async function describeProducers(
  client: ClusterClient,
  partitions: readonly PartitionOfTopic[],
  limit: RetryLimit,
): Promise<PartitionProducer[]> {
  const replies = await askLeaders(client, limit, {
    items: partitions,
    what: 'The producers',
    ask: async (node, entries, attempt) => {
      const request = { partitions: entries.map(({ topicId, partition }) => ({ topicId, partition })) };
      return (await client.call({ node }, describeProducersApi, request, [], attempt)).body.partitions;
    },
  });
  return partitions.flatMap(({ topic, partition }, index) =>
    (replies[index]?.producers ?? []).map(({ lastTimestamp, transactionStartOffset, ...producer }) => ({
      topic,
      partition,
      ...producer,
      lastWriteMs: lastTimestamp,
      transactionStartOffset: transactionStartOffset < 0 ? null : transactionStartOffset,
    })),
  );
}

async function describeOnce(client: ClusterClient, transactionalId: string, attempt: Attempt): Promise<Described> {
  if (transactionalId === '') throw protocolError('INVALID_REQUEST', 'A transactional id must not be empty.');
  const request = { transactionalIds: [transactionalId] };
  const { body } = await client.call(coordinatorOf(transactionalId), describeTransactionsApi, request, [], attempt);
  const [found] = body.transactions;
  if (found === undefined) throw protocolError('INVALID_RESPONSE', 'DescribeTransactions was answered with nothing.');
  const { error, message, ...described } = found;
  const refusal = errorFromWire({ error, message }, `Describing the transaction of ${transactionalId}`);
  if (refusal !== undefined) throw refusal;
  return described;
}

/** By id, of all topics. */
async function topicNames(client: ClusterClient, limit: RetryLimit): Promise<ReadonlyMap<string, string>> {
  const request = { topics: null, allowAutoCreate: false, includeInternal: true };
  const { body } = await untilAnswered(client, limit, (attempt) =>
    client.call('any', metadataApi, request, [], attempt),
  );
  return new Map(body.topics.map(({ topicId, name }) => [topicId ?? '', name ?? '']));
}

function coordinatorOf(transactionalId: string) {
  return { coordinator: { type: 'transaction' as const, key: transactionalId } };
}
