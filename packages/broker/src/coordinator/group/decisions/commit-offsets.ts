/**
 * A commit: each entry stands alone, and those that are accepted are written together.
 *
 * A member commits only what it has, under an epoch not older than the one under which it got it: whoever had the partition
 * before can never undo what its successor committed. Without a member only a group without members takes commits.
 */
import type { MillraceError } from '@millrace/base';
import { type OffsetCommitRequest, type OffsetCommitResponse, protocolError } from '@millrace/protocol';
import type { Decision } from '@millrace/state-machine';
import { partitionKey } from '../../assignor/topic-partition.js';
import { GroupDraft } from '../group-draft.js';
import type { GroupEntry } from '../group-entry.js';
import type { GroupPolicy } from '../group-policy.js';
import { type GroupState, unstablePartitions } from '../group-state.js';
import type { Topics } from '../subscriptions.js';
import { committerOf, requireForward, requireMetadata, requireOwned, requirePartition } from './commit-checks.js';
import { entryResult } from './entry-result.js';

const none: ReadonlySet<string> = new Set();

export interface CommitOffsetsCommand {
  readonly kind: 'commit-offsets';
  readonly group: string;
  readonly request: OffsetCommitRequest;
  readonly image: Topics;
}

export function commitOffsets(
  group: GroupState,
  { request, image }: CommitOffsetsCommand,
  policy: GroupPolicy,
  nowMs: number,
): Decision<GroupEntry, OffsetCommitResponse> {
  const committer = committerOf(group, request);
  const draft = new GroupDraft(group);
  const unstable = request.allowRewind ? unstablePartitions(group) : none;
  const partitions = request.partitions.map((entry) => {
    const { topicId, partition: index } = entry;
    const error = entryResult(() => {
      requirePartition(group, committer, image, entry);
      const partition = partitionKey(topicId, index);
      if (committer !== undefined) requireOwned(group, committer, partition, request);
      requireMetadata(entry, policy);
      if (!request.allowRewind) requireForward(group, image, entry, draft.group.offsets.get(partition));
      else if (unstable.has(partition)) throw overtaken(group, entry);
      const { offset, leaderEpoch, metadata } = entry;
      const value = { offset, leaderEpoch, metadata, committedMs: nowMs, metadataPosition: image.position };
      draft.add({ type: 'offset', partition, value });
    });
    return { topicId, partition: index, ...error };
  });
  return { entries: draft.entries, reply: { partitions } };
}

/** The end of the transaction would move the offset forward again, and nobody would know why. */
function overtaken(
  { group }: GroupState,
  { topicId, partition }: { topicId: string; partition: number },
): MillraceError {
  return protocolError(
    'UNSTABLE_OFFSET_COMMIT',
    `An open transaction is about to commit an offset of partition ${partition} of topic ${topicId} for group ${group}: rewind when it has ended.`,
  );
}
