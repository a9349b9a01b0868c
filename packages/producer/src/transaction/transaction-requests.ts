/**
 * What a transactional producer asks of coordinators: each repeated until it is answered, refused for good, or the time is
 * over. All of them may be repeated: the coordinator knows a repetition by the epoch.
 */
import { errorCode } from '@millrace/base';
import { retryDecision, withRetries, type Attempt, type ClusterClient, type RetryLimit } from '@millrace/client';
import {
  endTxnApi,
  errorFromWire,
  initProducerIdApi,
  protocolError,
  txnOffsetCommitApi,
  type Api,
  type TxnOffsetCommitRequest,
} from '@millrace/protocol';
import type { ProducerIdentity } from '../partition-window.js';
import type { OffsetInTransaction, TransactionGroup } from './transaction-offsets.js';

export interface TransactionRequestsOptions {
  readonly client: ClusterClient;
  readonly transactionalId: string;
  readonly transactionTimeoutMs: number;
}

type Coordinator = Parameters<ClusterClient['forgetCoordinator']>[0];

export class TransactionRequests {
  readonly #options: TransactionRequestsOptions;

  constructor(options: TransactionRequestsOptions) {
    this.#options = options;
  }

  /** Shuts out every producer that had the transactional id before. */
  async initialize(limit: RetryLimit): Promise<ProducerIdentity> {
    const { transactionalId, transactionTimeoutMs } = this.#options;
    const body = { transactionalId, transactionTimeoutMs, producerId: -1, producerEpoch: -1 };
    return this.#ofTransaction(initProducerIdApi, body, limit, 'InitProducerId');
  }

  /** Resolves with the identity for the next transaction. `onUnknown`: an attempt was not answered. */
  async end(
    identity: ProducerIdentity,
    committed: boolean,
    limit: RetryLimit,
    onUnknown: () => void,
  ): Promise<ProducerIdentity> {
    const { transactionalId } = this.#options;
    const { producerId, producerEpoch } = identity;
    const body = { transactionalId, producerId, producerEpoch, committed };
    return this.#ofTransaction(endTxnApi, body, limit, 'EndTxn', onUnknown);
  }

  async commitOffsets(
    { producerId, producerEpoch }: ProducerIdentity,
    { group, memberId, memberEpoch, instanceId }: TransactionGroup,
    offsets: readonly OffsetInTransaction[],
    limit: RetryLimit,
  ): Promise<void> {
    const { client, transactionalId } = this.#options;
    const member = { group, memberId, memberEpoch, instanceId };
    await withRetries(client, limit, async (attempt) => {
      const partitions: TxnOffsetCommitRequest['partitions'][number][] = [];
      for (const { topic, partition, offset, metadata = null } of offsets) {
        const { topicId } = await client.topic(topic, attempt);
        partitions.push({ topicId, partition, offset, leaderEpoch: -1, metadata });
      }
      const body = { transactionalId, producerId, producerEpoch, ...member, partitions };
      const key = { type: 'group' as const, key: group };
      await this.#ask(key, txnOffsetCommitApi, body, attempt, (reply) => {
        if (reply.partitions.length !== offsets.length) {
          throw protocolError('INVALID_RESPONSE', 'TxnOffsetCommit was answered for other partitions.');
        }
        for (const [index, answer] of reply.partitions.entries()) {
          const { topic = '', partition = -1 } = offsets[index] ?? {};
          const error = errorFromWire(answer, `Offset of ${topic}-${partition} for group ${group}`);
          if (error !== undefined) throw error;
        }
      });
    });
  }

  #ofTransaction<Body>(
    api: Api<Body, { error: number; message: string | null; producerId: number; producerEpoch: number }>,
    body: Body,
    limit: RetryLimit,
    what: string,
    onUnknown?: () => void,
  ): Promise<ProducerIdentity> {
    const { client, transactionalId } = this.#options;
    return withRetries(client, limit, async (attempt) => {
      try {
        return await this.#ask({ type: 'transaction', key: transactionalId }, api, body, attempt, (reply) => {
          const error = errorFromWire(reply, `${what} of transactional id ${transactionalId}`);
          if (error !== undefined) throw error;
          return { producerId: reply.producerId, producerEpoch: reply.producerEpoch };
        });
      } catch (error) {
        if (mayHaveBeenDone(error)) onUnknown?.();
        throw error;
      }
    });
  }

  async #ask<Body, Reply, Result>(
    coordinator: Coordinator,
    api: Api<Body, Reply>,
    body: Body,
    { timeoutMs, signal }: Attempt,
    read: (reply: Reply) => Result,
  ): Promise<Result> {
    const { client } = this.#options;
    // A coordinator that says nothing leaves time to ask the one that takes its place.
    const options = { timeoutMs: Math.min(timeoutMs, client.requestTimeoutMs), signal };
    try {
      const { body: reply } = await client.call({ coordinator }, api, body, [], options);
      return read(reply);
    } catch (error) {
      const code = errorCode(error);
      if (retryDecision(error) === 'refresh' || code === 'COORDINATOR_NOT_AVAILABLE') {
        client.forgetCoordinator(coordinator);
      }
      throw error;
    }
  }
}

/** Nobody said that it was not done. A coordinator that gives up its office may have written it before. */
function mayHaveBeenDone(error: unknown): boolean {
  return !surelyNotDone.has(errorCode(error)) && retryDecision(error) !== 'give-up';
}

const surelyNotDone: ReadonlySet<string> = new Set([
  'CONCURRENT_TRANSACTIONS',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'COORDINATOR_NOT_AVAILABLE',
]);
