/** Partitions that a transaction is about to write to: all of them are added, or none. The first ones begin it. */
import { protocolError } from '@millrace/protocol';
import type { Decision } from '@millrace/state-machine';
import { type PartitionKey, topicIdOf } from '../../assignor/topic-partition.js';
import type { TransactionEntry } from '../transaction-entry.js';
import type { TransactionPolicy } from '../transaction-policy.js';
import { isEnding, isSame, type ProducerIdentity, type TransactionsState } from '../transaction-state.js';
import { endingReply } from './identity-reply.js';
import { knownTransaction, strangerError } from './known-transaction.js';

/** What of the cluster's metadata a decision looks at. */
export interface KnownTopics {
  readonly position: number;
  topicById(topicId: string): object | undefined;
}

export interface AddPartitionsCommand {
  readonly kind: 'add-partitions';
  readonly transactionalId: string;
  readonly identity: ProducerIdentity;
  readonly partitions: readonly PartitionKey[];
  readonly image: KnownTopics;
}

/** `ending`: the transaction before is not over yet; ask again when it is. */
export type AddPartitionsReply = { readonly kind: 'added' } | { readonly kind: 'ending' };

const added = { kind: 'added' } as const;

export function addPartitions(
  transactions: TransactionsState,
  command: AddPartitionsCommand,
  policy: TransactionPolicy,
  nowMs: number,
): Decision<TransactionEntry, AddPartitionsReply> {
  const { transactionalId, identity, image } = command;
  const state = knownTransaction(transactions, transactionalId);
  if (!isSame(state.current, identity)) throw strangerError(state, identity);
  if (isEnding(state)) return { entries: [], reply: endingReply };
  const isOpen = state.status === 'ongoing';
  const before = isOpen ? state.partitions : new Set<PartitionKey>();
  const missing = command.partitions.filter((partition) => !before.has(partition));
  if (missing.length === 0 && isOpen) return { entries: [], reply: added };
  requireKnown(missing, image);
  const partitions = new Set([...before, ...missing]);
  if (partitions.size > policy.maxPartitions) {
    throw protocolError(
      'POLICY_VIOLATION',
      `A transaction writes to ${policy.maxPartitions} partitions at most: ${JSON.stringify(transactionalId)} wants ${partitions.size}.`,
    );
  }
  const value = {
    ...state,
    status: 'ongoing' as const,
    partitions,
    startedMs: isOpen ? state.startedMs : nowMs,
    updatedMs: nowMs,
    metadataPosition: image.position,
  };
  return { entries: [{ transactionalId, value }], reply: added };
}

/** A topic that this node has not heard of yet would look like one that was deleted when the transaction ends. */
function requireKnown(partitions: readonly PartitionKey[], image: KnownTopics): void {
  for (const partition of partitions) {
    if (image.topicById(topicIdOf(partition)) !== undefined) continue;
    throw protocolError(
      'UNKNOWN_TOPIC_ID',
      `The transaction coordinator knows no topic with id ${topicIdOf(partition)} (yet): try again.`,
    );
  }
}
