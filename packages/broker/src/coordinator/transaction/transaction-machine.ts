/** Transactions as a state machine: its commands, and which decision each one is. */
import { unreachable } from '@millrace/base';
import { type Decision, PersistentMap, type StateMachine } from '@millrace/state-machine';
import { addPartitions, type AddPartitionsCommand, type AddPartitionsReply } from './decisions/add-partitions.js';
import {
  describeTransaction,
  type DescribeTransactionCommand,
  type ListedTransaction,
  listTransactions,
  type ListTransactionsCommand,
  type TransactionDescription,
} from './decisions/describe-transactions.js';
import { endTransaction, type EndTransactionCommand } from './decisions/end-transaction.js';
import {
  completeTransaction,
  type CompleteTransactionCommand,
  type ExpireReply,
  expireTransaction,
  type ExpireTransactionCommand,
  forgetTransactionalId,
  type ForgetTransactionalIdCommand,
} from './decisions/finish-transaction.js';
import type { IdentityReply } from './decisions/identity-reply.js';
import { initProducer, type InitProducerCommand } from './decisions/init-producer.js';
import { applyTransactionEntry, type TransactionEntry } from './transaction-entry.js';
import type { TransactionPolicy } from './transaction-policy.js';
import type { TransactionsState } from './transaction-state.js';

export type TransactionCommand =
  | InitProducerCommand
  | AddPartitionsCommand
  | EndTransactionCommand
  | CompleteTransactionCommand
  | ExpireTransactionCommand
  | ForgetTransactionalIdCommand
  | DescribeTransactionCommand
  | ListTransactionsCommand;

/** The reply to each kind of command. */
export interface TransactionReplies {
  readonly 'init-producer': IdentityReply;
  readonly 'add-partitions': AddPartitionsReply;
  readonly 'end-transaction': IdentityReply;
  readonly 'complete-transaction': undefined;
  readonly 'expire-transaction': ExpireReply;
  readonly 'forget-transactional-id': undefined;
  readonly 'describe-transaction': TransactionDescription;
  readonly 'list-transactions': readonly ListedTransaction[];
}

export type TransactionReply = TransactionReplies[TransactionCommand['kind']];
export type TransactionMachine = StateMachine<
  TransactionsState,
  TransactionCommand,
  TransactionEntry,
  TransactionReply
>;

export function transactionMachine(policy: TransactionPolicy): TransactionMachine {
  return {
    initial: () => PersistentMap.empty(),
    decide: (transactions, command, nowMs) => decide(transactions, command, policy, nowMs),
    apply: applyTransactionEntry,
  };
}

function decide(
  transactions: TransactionsState,
  command: TransactionCommand,
  policy: TransactionPolicy,
  nowMs: number,
): Decision<TransactionEntry, TransactionReply> {
  switch (command.kind) {
    case 'init-producer':
      return initProducer(transactions, command, policy, nowMs);
    case 'add-partitions':
      return addPartitions(transactions, command, policy, nowMs);
    case 'end-transaction':
      return endTransaction(transactions, command, nowMs);
    case 'complete-transaction':
      return completeTransaction(transactions, command, nowMs);
    case 'expire-transaction':
      return expireTransaction(transactions, command, nowMs);
    case 'forget-transactional-id':
      return forgetTransactionalId(transactions, command, policy, nowMs);
    case 'describe-transaction':
      return { entries: [], reply: describeTransaction(transactions, command) };
    case 'list-transactions':
      return { entries: [], reply: listTransactions(transactions, command, nowMs) };
    default:
      return unreachable(command);
  }
}
