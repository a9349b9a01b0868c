/**
 * The end of a transaction, as its producer wants it. The decision is durable with its entry; the partitions are told
 * after that, for as long as it takes.
 *
 * Sent again it gets the same answer, so that it is also the question how the transaction ended. An end with another
 * outcome than the one that was decided is refused. Nothing was added to a transaction that is not open: to commit it would
 * mean that the producer believes in writes that are not there, while to abort it raises the epoch all the same, and keeps
 * out what may still be on its way.
 */
import { protocolError } from '@millrace/protocol';
import type { Decision } from '@millrace/state-machine';
import type { TransactionEntry } from '../transaction-entry.js';
import {
  isCommit,
  isEnding,
  isSame,
  nextIdentity,
  noPartitions,
  type ProducerIdentity,
  type TransactionsState,
  type TransactionState,
} from '../transaction-state.js';
import { endingReply, type IdentityReply, producerIdNeeded } from './identity-reply.js';
import { knownTransaction, strangerError } from './known-transaction.js';

export interface EndTransactionCommand {
  readonly kind: 'end-transaction';
  readonly transactionalId: string;
  readonly identity: ProducerIdentity;
  readonly isCommitted: boolean;
  readonly newProducerId: number;
}

type Result = Decision<TransactionEntry, IdentityReply>;

export function endTransaction(transactions: TransactionsState, command: EndTransactionCommand, nowMs: number): Result {
  const { transactionalId, identity, isCommitted, newProducerId } = command;
  const state = knownTransaction(transactions, transactionalId);
  if (!isSame(state.current, identity)) return answerAgain(state, command);
  if (isEnding(state)) return { entries: [], reply: endingReply };
  if (state.status !== 'ongoing' && isCommitted) {
    throw protocolError(
      'INVALID_TXN_STATE',
      `There is no open transaction of ${JSON.stringify(transactionalId)} to commit: nothing was written in it.`,
    );
  }
  const next = ended(state, { isCommitted, endedBy: 'producer', newProducerId, nowMs });
  if (next === undefined) return { entries: [], reply: producerIdNeeded };
  return { entries: [{ transactionalId, value: next }], reply: { kind: 'identity', ...next.current } };
}

export interface TransactionOutcome {
  readonly isCommitted: boolean;
  readonly endedBy: TransactionState['endedBy'];
  readonly newProducerId: number;
  readonly nowMs: number;
}

/** Undefined when it takes a new producer id. */
export function ended(
  state: TransactionState,
  { isCommitted, endedBy, newProducerId, nowMs }: TransactionOutcome,
): TransactionState | undefined {
  const current = nextIdentity(state.current, newProducerId);
  if (current === undefined) return undefined;
  const outcome = isCommitted ? 'commit' : 'abort';
  const isOpen = state.status === 'ongoing';
  return {
    ...state,
    current,
    last: state.current,
    endedBy,
    status: isOpen ? `prepare-${outcome}` : `complete-${outcome}`,
    updatedMs: nowMs,
    partitions: isOpen ? state.partitions : noPartitions,
  };
}

function answerAgain(state: TransactionState, { identity, isCommitted }: EndTransactionCommand): Result {
  const isLast = isSame(state.last, identity) && state.endedBy !== 'successor';
  if (!isLast || state.status === 'empty' || state.status === 'ongoing') throw strangerError(state, identity);
  const wasCommitted = isCommit(state);
  if (wasCommitted === isCommitted) return { entries: [], reply: { kind: 'identity', ...state.current } };
  const name = JSON.stringify(state.transactionalId);
  if (state.endedBy === 'timeout') {
    throw protocolError(
      'TRANSACTION_ABORTABLE',
      `The transaction of ${name} was open for longer than ${state.timeoutMs} ms and was aborted: abort it here too, and do its work again.`,
    );
  }
  throw protocolError(
    'INVALID_TXN_STATE',
    `The transaction of ${name} was ${wasCommitted ? 'committed' : 'aborted'} already.`,
  );
}
