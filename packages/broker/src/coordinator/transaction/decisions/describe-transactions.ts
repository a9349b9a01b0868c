/** The coordinator's view of transactional ids, for operators. */
import {
  type DescribeTransactionsResponse,
  type ListTransactionsRequest,
  type ListTransactionsResponse,
  protocolError,
} from '@millrace/protocol';
import { indexOf, topicIdOf } from '../../assignor/topic-partition.js';
import type { TransactionsState } from '../transaction-state.js';

export type TransactionDescription = DescribeTransactionsResponse['transactions'][number];
export type ListedTransaction = ListTransactionsResponse['transactions'][number];

export interface DescribeTransactionCommand {
  readonly kind: 'describe-transaction';
  readonly transactionalId: string;
}

export interface ListTransactionsCommand {
  readonly kind: 'list-transactions';
  readonly request: ListTransactionsRequest;
}

export function describeTransaction(
  transactions: TransactionsState,
  { transactionalId }: DescribeTransactionCommand,
): TransactionDescription {
  const state = transactions.get(transactionalId);
  if (state === undefined) {
    throw protocolError(
      'TRANSACTIONAL_ID_NOT_FOUND',
      `The transactional id ${JSON.stringify(transactionalId)} is not known.`,
    );
  }
  const { status, current, timeoutMs, startedMs, partitions } = state;
  return {
    transactionalId,
    error: 0,
    message: null,
    state: status,
    ...current,
    timeoutMs,
    startedAt: startedMs,
    partitions: [...partitions].map((key) => ({ topicId: topicIdOf(key), partition: indexOf(key) })),
  };
}

export function listTransactions(
  transactions: TransactionsState,
  { request: { states, openForMs } }: ListTransactionsCommand,
  nowMs: number,
): ListedTransaction[] {
  const listed: ListedTransaction[] = [];
  for (const { transactionalId, current, status, startedMs } of transactions.values()) {
    if (states.length > 0 && !states.includes(status)) continue;
    if (openForMs >= 0 && (startedMs < 0 || nowMs - startedMs < openForMs)) continue;
    listed.push({ transactionalId, producerId: current.producerId, state: status });
  }
  return listed;
}
