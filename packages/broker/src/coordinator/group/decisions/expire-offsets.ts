/**
 * What is not worth keeping any more: offsets of deleted topics, and of groups that have had no members for the
 * retention; then the groups themselves. As long as a group has members nothing of it is too old, nor is what an open
 * transaction is about to commit.
 *
 * A topic that the metadata lacks was deleted only if that metadata is newer than the one in which the commit found it:
 * a node that has just become coordinator may know less than the one before.
 */
import type { Decision } from '@millrace/state-machine';
import { type PartitionKey, topicIdOf } from '../../assignor/topic-partition.js';
import { GroupDraft } from '../group-draft.js';
import type { GroupEntry } from '../group-entry.js';
import type { GroupPolicy } from '../group-policy.js';
import { type CommittedOffset, type GroupState, unstablePartitions } from '../group-state.js';
import type { Topics } from '../subscriptions.js';
import { forgetGroup } from './delete-group.js';

export interface ExpireOffsetsCommand {
  readonly kind: 'expire-offsets';
  readonly group: string;
  readonly image: Topics;
}

export function expireOffsets(
  group: GroupState,
  { image }: ExpireOffsetsCommand,
  policy: GroupPolicy,
  nowMs: number,
): Decision<GroupEntry, undefined> {
  const draft = new GroupDraft(group);
  const unstable = unstablePartitions(group);
  for (const [partition, offset] of group.offsets.entries()) {
    if (unstable.has(partition)) continue;
    if (isTopicDeleted(partition, offset, image) || isOld(group, offset, policy, nowMs)) {
      draft.add({ type: 'offset', partition, value: null });
    }
  }
  const { members, offsets, pending, meta } = draft.group;
  const isEmpty = [members, offsets, pending].every(({ size }) => size === 0);
  if (isEmpty && isRetentionOver(meta?.emptySinceMs ?? 0, policy, nowMs)) {
    forgetGroup(draft);
  }
  return { entries: draft.entries, reply: undefined };
}

function isTopicDeleted(partition: PartitionKey, { metadataPosition }: CommittedOffset, image: Topics): boolean {
  return image.position > metadataPosition && image.topicById(topicIdOf(partition)) === undefined;
}

/** A group that never had members counts from each commit, another from when it lost the last of them as well. */
function isOld(
  { members, meta }: GroupState,
  { committedMs }: CommittedOffset,
  policy: GroupPolicy,
  nowMs: number,
): boolean {
  return members.size === 0 && isRetentionOver(Math.max(committedMs, meta?.emptySinceMs ?? 0), policy, nowMs);
}

function isRetentionOver(sinceMs: number, { offsetsRetentionMs }: GroupPolicy, nowMs: number): boolean {
  return nowMs - sinceMs >= offsetsRetentionMs;
}
