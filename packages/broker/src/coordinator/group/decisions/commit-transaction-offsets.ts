/**
 * Offsets that count once the transaction of a producer is committed. Until then they are kept beside what is committed,
 * one for each producer and partition, and are told to nobody.
 *
 * The same checks as for any commit: a member that was replaced commits nothing that its successor works on (KIP-447).
 * That the transaction is open was asked of its coordinator before this is decided.
 */
import { protocolError, type TxnOffsetCommitRequest, type TxnOffsetCommitResponse } from '@millrace/protocol';
import type { Decision } from '@millrace/state-machine';
import { type PartitionKey, partitionKey } from '../../assignor/topic-partition.js';
import { GroupDraft } from '../group-draft.js';
import type { GroupEntry } from '../group-entry.js';
import type { GroupPolicy } from '../group-policy.js';
import { type GroupState, type PendingOffset, pendingKey } from '../group-state.js';
import type { Topics } from '../subscriptions.js';
import { committerOf, requireForward, requireMetadata, requireOwned, requirePartition } from './commit-checks.js';
import { entryResult } from './entry-result.js';

export interface CommitTransactionOffsetsCommand {
  readonly kind: 'commit-transaction-offsets';
  readonly group: string;
  readonly request: TxnOffsetCommitRequest;
  readonly image: Topics;
}

export function commitTransactionOffsets(
  group: GroupState,
  { request, image }: CommitTransactionOffsetsCommand,
  policy: GroupPolicy,
  nowMs: number,
): Decision<GroupEntry, TxnOffsetCommitResponse> {
  const { producerId, producerEpoch } = request;
  const committer = committerOf(group, request);
  const draft = new GroupDraft(group);
  const partitions = request.partitions.map((entry) => {
    const { topicId, partition: index, offset, leaderEpoch, metadata } = entry;
    const error = entryResult(() => {
      requirePartition(group, committer, image, entry);
      const partition = partitionKey(topicId, index);
      if (committer !== undefined) requireOwned(group, committer, partition, request);
      requireMetadata(entry, policy);
      requireForward(group, image, entry, group.offsets.get(partition));
      const before = pendingOf(draft.group, request, partition);
      // A copy of an earlier request may arrive late.
      requireForward(group, image, entry, before);
      const value = {
        offset,
        leaderEpoch,
        metadata,
        committedMs: nowMs,
        metadataPosition: image.position,
        producerEpoch,
      };
      draft.add({ type: 'pending-offset', producerId, partition, value });
    });
    return { topicId, partition: index, ...error };
  });
  return { entries: draft.entries, reply: { partitions } };
}

/** What the same transaction has committed of the partition before. */
function pendingOf(
  { pending }: GroupState,
  { producerId, producerEpoch }: TxnOffsetCommitRequest,
  partition: PartitionKey,
): PendingOffset | undefined {
  const before = pending.get(pendingKey(producerId, partition));
  if (before === undefined || before.producerEpoch === producerEpoch) return before;
  if (before.producerEpoch > producerEpoch) {
    throw protocolError(
      'INVALID_PRODUCER_EPOCH',
      `Producer ${producerId} is at epoch ${before.producerEpoch}: a transaction of epoch ${producerEpoch} is over.`,
    );
  }
  throw protocolError(
    'CONCURRENT_TRANSACTIONS',
    `The transaction of producer ${producerId} under epoch ${before.producerEpoch} has ended, and is not taken in here yet.`,
  );
}
