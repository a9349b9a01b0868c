/**
 * A producer begins, or begins anew after something of which it does not know the outcome (KIP-360).
 *
 * Without an identity of its own it fences whoever had the transactional id before. With one it only goes on where
 * nobody else did so meanwhile; sent again with the same identity it gets the same answer (KIP-360), and no epoch is lost.
 * What is open is aborted first, and the producer asks again when that is done.
 */
import { protocolError } from '@millrace/protocol';
import type { Decision } from '@millrace/state-machine';
import type { TransactionEntry } from '../transaction-entry.js';
import type { TransactionPolicy } from '../transaction-policy.js';
import {
  isEnding,
  isSame,
  nextIdentity,
  noPartitions,
  type ProducerIdentity,
  type TransactionsState,
  type TransactionState,
} from '../transaction-state.js';
import { ended } from './end-transaction.js';
import { type IdentityReply, endingReply, producerIdNeeded } from './identity-reply.js';

export interface InitProducerCommand {
  readonly kind: 'init-producer';
  readonly transactionalId: string;
  readonly timeoutMs: number;
  /** Undefined: a producer that has none yet. */
  readonly expected: ProducerIdentity | undefined;
  /** To be used where one is needed; -1: not drawn yet. */
  readonly newProducerId: number;
}

type Result = Decision<TransactionEntry, IdentityReply>;

export function initProducer(
  transactions: TransactionsState,
  command: InitProducerCommand,
  policy: TransactionPolicy,
  nowMs: number,
): Result {
  requireTimeout(command, policy);
  const state = transactions.get(command.transactionalId);
  if (state === undefined) return begin(transactions, command, policy, nowMs);
  const { expected } = command;
  const isCurrent = expected !== undefined && isSame(state.current, expected);
  const isLast = expected !== undefined && state.endedBy !== 'successor' && isSame(state.last, expected);
  if (expected !== undefined && !isCurrent && !isLast) throw fenced(command);
  if (isEnding(state)) return { entries: [], reply: endingReply };
  if (state.status === 'ongoing') {
    // A request of before this transaction, which came late: whoever began the transaction had its answer.
    if (isLast) throw fenced(command);
    return abort(state, command, nowMs);
  }
  if (isLast) return goOn(state, command, nowMs);
  const next = nextIdentity(state.current, command.newProducerId);
  if (next === undefined) return { entries: [], reply: producerIdNeeded };
  return changed(
    {
      ...state,
      current: next,
      last: expected,
      status: 'empty',
      endedBy: 'producer',
      timeoutMs: command.timeoutMs,
      updatedMs: nowMs,
    },
    next,
  );
}

function begin(
  transactions: TransactionsState,
  { transactionalId, timeoutMs, newProducerId }: InitProducerCommand,
  { maxTransactionalIds }: TransactionPolicy,
  nowMs: number,
): Result {
  if (newProducerId < 0) return { entries: [], reply: producerIdNeeded };
  if (transactions.size >= maxTransactionalIds) {
    throw protocolError(
      'THROTTLING_QUOTA_EXCEEDED',
      `There are ${maxTransactionalIds} transactional ids in this partition of the coordinator: use fewer, or wait until unused ones are forgotten.`,
    );
  }
  const current = { producerId: newProducerId, producerEpoch: 0 };
  const state: TransactionState = {
    transactionalId,
    current,
    last: undefined,
    status: 'empty',
    endedBy: 'producer',
    timeoutMs,
    startedMs: -1,
    updatedMs: nowMs,
    metadataPosition: 0,
    partitions: noPartitions,
  };
  return changed(state, current);
}

function abort(state: TransactionState, { expected, newProducerId }: InitProducerCommand, nowMs: number): Result {
  const endedBy = expected === undefined ? 'successor' : 'producer';
  const next = ended(state, { isCommitted: false, endedBy, newProducerId, nowMs });
  if (next === undefined) return { entries: [], reply: producerIdNeeded };
  return { entries: [{ transactionalId: state.transactionalId, value: next }], reply: endingReply };
}

/** Its last transaction was ended, or its answer got lost: it has its next epoch already. */
function goOn(state: TransactionState, { timeoutMs }: InitProducerCommand, nowMs: number): Result {
  if (timeoutMs === state.timeoutMs) return { entries: [], reply: { kind: 'identity', ...state.current } };
  return changed({ ...state, timeoutMs, updatedMs: nowMs }, state.current);
}

function changed(value: TransactionState, identity: ProducerIdentity): Result {
  return { entries: [{ transactionalId: value.transactionalId, value }], reply: { kind: 'identity', ...identity } };
}

function requireTimeout({ timeoutMs }: InitProducerCommand, { maxTimeoutMs }: TransactionPolicy): void {
  if (timeoutMs > 0 && timeoutMs <= maxTimeoutMs) return;
  throw protocolError(
    'INVALID_TRANSACTION_TIMEOUT',
    `A transaction timeout of ${timeoutMs} ms is not possible: from 1 to ${maxTimeoutMs} (transaction.max.timeout.ms).`,
  );
}

function fenced({ transactionalId, expected }: InitProducerCommand): Error {
  return protocolError(
    'PRODUCER_FENCED',
    `Epoch ${expected?.producerEpoch ?? -1} of producer ${expected?.producerId ?? -1} is over: another producer has taken over the transactional id ${JSON.stringify(transactionalId)}. Close this one.`,
  );
}
