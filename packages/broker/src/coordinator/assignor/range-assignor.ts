/**
 * Range: per topic, each of its subscribers in turn gets a run of neighbouring partitions. Partitions of the same index in topics
 * of the same size land at the same member, for those who join topics by key; static members keep their place by their
 * instance id. Moves more than the uniform assignor when members come and go.
 */
import type { AssignableMember, Assignor, AssignorInput, GroupAssignment } from './assignor.js';
import { type PartitionKey, partitionKey } from './topic-partition.js';

export const rangeAssignor: Assignor = { name: 'range', assign };

function assign({ members, topics }: AssignorInput): GroupAssignment {
  const given = new Map(members.map(({ memberId }) => [memberId, new Set<PartitionKey>()]));
  const inOrder = [...members].sort(byPlace);
  for (const { topicId, partitions } of topics) {
    const subscribers = inOrder.filter(({ topicIds }) => topicIds.has(topicId));
    if (subscribers.length === 0) continue;
    const each = Math.floor(partitions / subscribers.length);
    const withOneMore = partitions % subscribers.length;
    let next = 0;
    for (const [place, { memberId }] of subscribers.entries()) {
      const end = next + each + (place < withOneMore ? 1 : 0);
      for (; next < end; next += 1) given.get(memberId)?.add(partitionKey(topicId, next));
    }
  }
  return given;
}

/** Static members first and by instance, so that a restart under another member id changes nothing. */
function byPlace(a: AssignableMember, b: AssignableMember): number {
  if ((a.instanceId === null) !== (b.instanceId === null)) return a.instanceId === null ? 1 : -1;
  const [nameA, nameB] = [a.instanceId ?? a.memberId, b.instanceId ?? b.memberId];
  return nameA < nameB ? -1 : nameA > nameB ? 1 : 0;
}
