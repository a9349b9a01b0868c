/** The only way that the state of groups changes: one entry puts or takes away the value of one key. */
import { unreachable } from '@millrace/base';
import type { PersistentMap } from '@millrace/state-machine';
import type { PartitionKey } from '../assignor/topic-partition.js';
import type { GroupEntry } from './group-entry.js';
import {
  type CurrentAssignment,
  emptyGroup,
  type GroupsState,
  type GroupState,
  isKnown,
  pendingKey,
} from './group-state.js';

export function applyGroupEntry(groups: GroupsState, entry: GroupEntry): GroupsState {
  const before = groups.get(entry.group) ?? emptyGroup(entry.group);
  const after = applyToGroup(before, entry);
  return isKnown(after) ? groups.with(entry.group, after) : groups.without(entry.group);
}

export function applyToGroup(group: GroupState, entry: GroupEntry): GroupState {
  switch (entry.type) {
    case 'group':
      return { ...group, meta: entry.value ?? undefined };
    case 'member':
      return { ...group, members: changed(group.members, entry.memberId, entry.value) };
    case 'target':
      return { ...group, targets: changed(group.targets, entry.memberId, entry.value) };
    case 'current':
      return {
        ...group,
        currents: changed(group.currents, entry.memberId, entry.value),
        owners: changedOwners(group, entry.memberId, entry.value),
      };
    case 'rebalance':
      return { ...group, rebalances: changed(group.rebalances, String(entry.slot), entry.value) };
    case 'offset':
      return { ...group, offsets: changed(group.offsets, entry.partition, entry.value) };
    case 'pending-offset': {
      const key = pendingKey(entry.producerId, entry.partition);
      return { ...group, pending: changed(group.pending, key, entry.value) };
    }
    default:
      return unreachable(entry);
  }
}

function changed<Value>(map: PersistentMap<Value>, key: string, value: Value | null): PersistentMap<Value> {
  return value === null ? map.without(key) : map.with(key, value);
}

/**
 * A partition that another member is named for by now stays that member's: while a compacted log is replayed, an older
 * claim may still stand when a younger one has been read.
 */
function changedOwners(
  { currents, owners }: GroupState,
  memberId: string,
  after: CurrentAssignment | null,
): PersistentMap<string> {
  let next = owners;
  const before = currents.get(memberId);
  for (const key of before === undefined ? [] : heldBy(before)) {
    if (after?.assigned.has(key) === true || after?.revoking.has(key) === true) continue;
    if (next.get(key) === memberId) next = next.without(key);
  }
  for (const key of after === null ? [] : heldBy(after)) {
    if (next.get(key) !== memberId) next = next.with(key, memberId);
  }
  return next;
}

function* heldBy({ assigned, revoking }: CurrentAssignment): Generator<PartitionKey, void, undefined> {
  yield* assigned.keys();
  yield* revoking.keys();
}
