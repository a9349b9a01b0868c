/** Deleting whole groups, or some of their offsets: only what no member uses. */
import { type OffsetDeleteRequest, type OffsetDeleteResponse, protocolError } from '@millrace/protocol';
import type { Decision } from '@millrace/state-machine';
import { partitionKey } from '../../assignor/topic-partition.js';
import { GroupDraft } from '../group-draft.js';
import type { GroupEntry } from '../group-entry.js';
import { type GroupState, isKnown, partitionOf, producerOf } from '../group-state.js';
import { isSubscribed, type Topics } from '../subscriptions.js';
import { entryResult } from './entry-result.js';

export interface DeleteGroupCommand {
  readonly kind: 'delete-group';
  readonly group: string;
}

export interface DeleteOffsetsCommand {
  readonly kind: 'delete-offsets';
  readonly group: string;
  readonly request: OffsetDeleteRequest;
  readonly image: Topics;
}

export function deleteGroup(group: GroupState): Decision<GroupEntry, undefined> {
  requireKnown(group);
  if (group.members.size > 0) {
    throw protocolError('NON_EMPTY_GROUP', `Group ${group.group} has ${group.members.size} members: stop them first.`);
  }
  const draft = new GroupDraft(group);
  for (const partition of group.offsets.keys()) draft.add({ type: 'offset', partition, value: null });
  // What open transactions would commit goes with the group: their ends find nothing.
  for (const key of group.pending.keys()) {
    draft.add({ type: 'pending-offset', producerId: producerOf(key), partition: partitionOf(key), value: null });
  }
  forgetGroup(draft);
  return { entries: draft.entries, reply: undefined };
}

export function deleteOffsets(
  group: GroupState,
  { request, image }: DeleteOffsetsCommand,
): Decision<GroupEntry, OffsetDeleteResponse> {
  requireKnown(group);
  const draft = new GroupDraft(group);
  const partitions = request.partitions.map(({ topicId, partition }) => {
    const error = entryResult(() => {
      const name = image.topicById(topicId)?.name;
      if (name !== undefined && isRead(group, name)) {
        throw protocolError('GROUP_SUBSCRIBED_TO_TOPIC', `Members of group ${group.group} are subscribed to ${name}.`);
      }
      const key = partitionKey(topicId, partition);
      if (draft.group.offsets.has(key)) draft.add({ type: 'offset', partition: key, value: null });
    });
    return { topicId, partition, ...error };
  });
  return { entries: draft.entries, reply: { partitions } };
}

/** All that is left of a group without members and offsets. */
export function forgetGroup(draft: GroupDraft): void {
  const { group } = draft;
  for (const memberId of group.targets.keys()) draft.add({ type: 'target', memberId, value: null });
  for (const slot of group.rebalances.keys()) draft.add({ type: 'rebalance', slot: Number(slot), value: null });
  if (group.meta !== undefined) draft.add({ type: 'group', value: null });
}

export function requireKnown(group: GroupState): void {
  if (!isKnown(group)) throw protocolError('GROUP_ID_NOT_FOUND', `There is no group ${group.group}.`);
}

function isRead({ members }: GroupState, name: string): boolean {
  for (const member of members.values()) if (isSubscribed(member, name)) return true;
  return false;
}
