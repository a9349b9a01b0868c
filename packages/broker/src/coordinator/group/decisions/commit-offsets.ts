/**
 * A commit: each entry stands alone, and those that are accepted are written together.
 *
 * A member commits only what it has, under an epoch not older than the one under which it got it: whoever had the partition
 * before can never undo what its successor committed. Without a member only a group without members takes commits.
 */
import { type OffsetCommitRequest, type OffsetCommitResponse, protocolError } from '@millrace/protocol';
import type { Decision } from '@millrace/state-machine';
import { type PartitionKey, partitionKey } from '../../assignor/topic-partition.js';
import { GroupDraft } from '../group-draft.js';
import type { GroupEntry } from '../group-entry.js';
import type { GroupPolicy } from '../group-policy.js';
import type { CurrentAssignment, GroupState } from '../group-state.js';
import type { Topics } from '../subscriptions.js';
import { entryResult } from './entry-result.js';
import { requireInstance } from './require-instance.js';

export interface CommitOffsetsCommand {
  readonly kind: 'commit-offsets';
  readonly group: string;
  readonly request: OffsetCommitRequest;
  readonly image: Topics;
}

type Entry = OffsetCommitRequest['partitions'][number];

export function commitOffsets(
  group: GroupState,
  { request, image }: CommitOffsetsCommand,
  policy: GroupPolicy,
  nowMs: number,
): Decision<GroupEntry, OffsetCommitResponse> {
  const committer = committerOf(group, request);
  const draft = new GroupDraft(group);
  const partitions = request.partitions.map((entry) => {
    const { topicId, partition: index } = entry;
    const error = entryResult(() => {
      requirePartition(image, entry);
      const partition = partitionKey(topicId, index);
      if (committer !== undefined) requireOwned(group, committer, partition, request);
      requireMetadata(entry, policy);
      const before = draft.group.offsets.get(partition);
      if (before !== undefined && entry.offset < before.offset && !request.allowRewind) {
        throw protocolError(
          'COMMIT_GOES_BACK',
          `Group ${group.group} has committed ${before.offset} of ${labelOf(image, entry)}, and ${entry.offset} is less: allow the rewind if it is meant.`,
        );
      }
      const { offset, leaderEpoch, metadata } = entry;
      const value = { offset, leaderEpoch, metadata, committedMs: nowMs, metadataPosition: image.position };
      draft.add({ type: 'offset', partition, value });
    });
    return { topicId, partition: index, ...error };
  });
  return { entries: draft.entries, reply: { partitions } };
}

/** Undefined: no member, and the group has none. Throws when whoever commits may not. */
function committerOf(group: GroupState, request: OffsetCommitRequest): CurrentAssignment | undefined {
  const { memberId, memberEpoch, instanceId } = request;
  if (memberId === '') {
    if (group.members.size === 0) return undefined;
    throw protocolError(
      'NON_EMPTY_GROUP',
      `Group ${group.group} has ${group.members.size} members: only they commit. Stop them first.`,
    );
  }
  requireInstance(group, memberId, instanceId);
  const current = group.currents.get(memberId);
  if (current === undefined) {
    throw protocolError('UNKNOWN_MEMBER_ID', `Group ${group.group} has no member ${memberId}: join again.`);
  }
  if (memberEpoch < 0 || memberEpoch > current.epoch) {
    throw protocolError(
      'STALE_MEMBER_EPOCH',
      `Member ${memberId} of group ${group.group} is at epoch ${current.epoch}, not ${memberEpoch}.`,
    );
  }
  return current;
}

function requireOwned(
  { group }: GroupState,
  { assigned, revoking }: CurrentAssignment,
  partition: PartitionKey,
  { memberId, memberEpoch }: OffsetCommitRequest,
): void {
  const since = assigned.get(partition) ?? revoking.get(partition);
  if (since !== undefined && since <= memberEpoch) return;
  const why = since === undefined ? 'does not have the partition' : `has it again only since epoch ${since}`;
  throw protocolError(
    'STALE_MEMBER_EPOCH',
    `Member ${memberId} of group ${group} ${why}: what it read under epoch ${memberEpoch} is another member's to commit.`,
  );
}

function requirePartition(image: Topics, { topicId, partition }: Entry): void {
  const topic = image.topicById(topicId);
  if (topic === undefined) throw protocolError('UNKNOWN_TOPIC_ID', `There is no topic with id ${topicId}.`);
  if (partition < topic.partitions.length) return;
  throw protocolError(
    'UNKNOWN_TOPIC_OR_PARTITION',
    `Topic ${topic.name} has ${topic.partitions.length} partitions, no partition ${partition}.`,
  );
}

function requireMetadata({ metadata }: Entry, { maxOffsetMetadataBytes }: GroupPolicy): void {
  if (metadata === null) return;
  const bytes = Buffer.byteLength(metadata);
  if (bytes <= maxOffsetMetadataBytes) return;
  throw protocolError(
    'OFFSET_METADATA_TOO_LARGE',
    `The text of an offset has ${bytes} bytes, and offset.metadata.max.bytes is ${maxOffsetMetadataBytes}.`,
  );
}

function labelOf(image: Topics, { topicId, partition }: Entry): string {
  return `${image.topicById(topicId)?.name ?? topicId}-${partition}`;
}
