/** What the coordinator does of itself: it sees transactions through to their end, and forgets ids that nobody uses. */
import type { Decision } from '@millrace/state-machine';
import type { TransactionEntry } from '../transaction-entry.js';
import type { TransactionPolicy } from '../transaction-policy.js';
import {
  isCommit,
  isEnding,
  isSame,
  noPartitions,
  type ProducerIdentity,
  type TransactionsState,
} from '../transaction-state.js';
import { ended } from './end-transaction.js';

/** All partitions have the marker of the transaction that ran under this identity. */
export interface CompleteTransactionCommand {
  readonly kind: 'complete-transaction';
  readonly transactionalId: string;
  readonly last: ProducerIdentity;
}

/** The time of the transaction under this identity is over. */
export interface ExpireTransactionCommand {
  readonly kind: 'expire-transaction';
  readonly transactionalId: string;
  readonly identity: ProducerIdentity;
  readonly newProducerId: number;
}

/** A transactional id may have been unused for so long that it is forgotten. */
export interface ForgetTransactionalIdCommand {
  readonly kind: 'forget-transactional-id';
  readonly transactionalId: string;
}

export type ExpireReply = 'done' | 'producer-id-needed';

const nothing = { entries: [], reply: undefined } as const;

export function completeTransaction(
  transactions: TransactionsState,
  { transactionalId, last }: CompleteTransactionCommand,
  nowMs: number,
): Decision<TransactionEntry, undefined> {
  const state = transactions.get(transactionalId);
  if (state === undefined || !isEnding(state) || !isSame(state.last, last)) return nothing;
  const status = isCommit(state) ? 'complete-commit' : 'complete-abort';
  const value = { ...state, status, startedMs: -1, updatedMs: nowMs, partitions: noPartitions } as const;
  return { entries: [{ transactionalId, value }], reply: undefined };
}

export function expireTransaction(
  transactions: TransactionsState,
  { transactionalId, identity, newProducerId }: ExpireTransactionCommand,
  nowMs: number,
): Decision<TransactionEntry, ExpireReply> {
  const state = transactions.get(transactionalId);
  const isOpen = state?.status === 'ongoing' && isSame(state.current, identity);
  if (!isOpen) return { entries: [], reply: 'done' };
  const value = ended(state, { isCommitted: false, endedBy: 'timeout', newProducerId, nowMs });
  if (value === undefined) return { entries: [], reply: 'producer-id-needed' };
  return { entries: [{ transactionalId, value }], reply: 'done' };
}

export function forgetTransactionalId(
  transactions: TransactionsState,
  { transactionalId }: ForgetTransactionalIdCommand,
  { idExpirationMs }: TransactionPolicy,
  nowMs: number,
): Decision<TransactionEntry, undefined> {
  const state = transactions.get(transactionalId);
  if (state === undefined || state.status === 'ongoing' || isEnding(state)) return nothing;
  if (nowMs - state.updatedMs < idExpirationMs) return nothing;
  return { entries: [{ transactionalId, value: null }], reply: undefined };
}
