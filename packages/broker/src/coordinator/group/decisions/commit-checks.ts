/** What every commit is checked for, be it at once or with a transaction. */
import { protocolError, type TxnOffsetCommitRequest } from '@millrace/protocol';
import { type PartitionKey, partitionKey } from '../../assignor/topic-partition.js';
import type { GroupPolicy } from '../group-policy.js';
import type { CurrentAssignment, GroupState } from '../group-state.js';
import type { Topics } from '../subscriptions.js';
import { requireInstance } from './require-instance.js';

type Committer = Pick<TxnOffsetCommitRequest, 'memberId' | 'memberEpoch' | 'instanceId'>;
type Entry = TxnOffsetCommitRequest['partitions'][number];

/** Undefined: no member, and the group has none. Throws when whoever commits may not. */
export function committerOf(group: GroupState, request: Committer): CurrentAssignment | undefined {
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

export function requireOwned(
  { group }: GroupState,
  { assigned, revoking }: CurrentAssignment,
  partition: PartitionKey,
  { memberId, memberEpoch }: Committer,
): void {
  const since = assigned.get(partition) ?? revoking.get(partition);
  if (since !== undefined && since <= memberEpoch) return;
  const why = since === undefined ? 'does not have the partition' : `has it again only since epoch ${since}`;
  throw protocolError(
    'STALE_MEMBER_EPOCH',
    `Member ${memberId} of group ${group} ${why}: what it read under epoch ${memberEpoch} is another member's to commit.`,
  );
}

/**
 * A topic that a member has partitions of is missing: either the metadata is older than its assignment, or the topic was
 * deleted. Then no later commit would be better, and a program that tries again for as long as an error may pass would never
 * let go of the partition.
 */
export function requirePartition(
  group: GroupState,
  committer: CurrentAssignment | undefined,
  image: Topics,
  { topicId, partition }: Entry,
): void {
  const topic = image.topicById(topicId);
  if (topic === undefined) {
    const key = partitionKey(topicId, partition);
    const isMember = committer?.assigned.has(key) === true || committer?.revoking.has(key) === true;
    const isDeleted = isMember && image.position >= (group.meta?.metadataPosition ?? 0);
    if (!isDeleted) throw protocolError('UNKNOWN_TOPIC_ID', `There is no topic with id ${topicId}.`);
    throw protocolError(
      'STALE_MEMBER_EPOCH',
      `The topic with id ${topicId} was deleted: nothing that a member of group ${group.group} read of it can be committed.`,
    );
  }
  if (partition < topic.partitions.length) return;
  throw protocolError(
    'UNKNOWN_TOPIC_OR_PARTITION',
    `Topic ${topic.name} has ${topic.partitions.length} partitions, no partition ${partition}.`,
  );
}

export function requireMetadata({ metadata }: Entry, { maxOffsetMetadataBytes }: GroupPolicy): void {
  if (metadata === null) return;
  const bytes = Buffer.byteLength(metadata);
  if (bytes <= maxOffsetMetadataBytes) return;
  throw protocolError(
    'OFFSET_METADATA_TOO_LARGE',
    `The text of an offset has ${bytes} bytes, and offset.metadata.max.bytes is ${maxOffsetMetadataBytes}.`,
  );
}

/** `before`: what is committed, or about to be. */
export function requireForward(
  { group }: GroupState,
  image: Topics,
  entry: Entry,
  before: { readonly offset: number } | undefined,
): void {
  if (before === undefined || entry.offset >= before.offset) return;
  throw protocolError(
    'COMMIT_GOES_BACK',
    `Group ${group} has committed ${before.offset} of ${labelOf(image, entry)}, and ${entry.offset} is less: allow the rewind if it is meant.`,
  );
}

function labelOf(image: Topics, { topicId, partition }: Entry): string {
  return `${image.topicById(topicId)?.name ?? topicId}-${partition}`;
}
