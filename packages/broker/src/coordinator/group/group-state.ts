/**
 * What a group coordinator knows of its groups: immutable, made of nothing but the newest record of each key.
 *
 *     group epoch        one more with each rebalance
 *     assignment epoch   of the newest target; the same, for a target is made with its epoch
 *     member epoch       the epoch whose target the member works on; it has reached it when it is stable
 *
 * Every part of a group is the value of one record key, and so the state does not depend on the order in which the records
 * of different keys are applied: a compacted log gives the same state. `owners` is derived from the current
 * assignments: what a member has, and what it has not given up yet.
 */
import { PersistentMap } from '@millrace/state-machine';
import type { GroupRecordValue } from '@millrace/protocol';
import type { PartitionKey } from '../assignor/topic-partition.js';

export type GroupMeta = Readonly<Omit<GroupRecordValue<'group'>, 'version'>>;
export type GroupMember = Readonly<Omit<GroupRecordValue<'member'>, 'version'>>;
export type Rebalance = Readonly<Omit<GroupRecordValue<'rebalance'>, 'version'>>;
export type CommittedOffset = Readonly<Omit<GroupRecordValue<'offset'>, 'version'>>;
/** It counts once the transaction is committed. */
export type PendingOffset = Readonly<Omit<GroupRecordValue<'pending-offset'>, 'version'>>;
export type TargetAssignment = ReadonlySet<PartitionKey>;

/** Partitions and the member epoch under which the member got each: a commit under an older one is a zombie's. */
export type HeldPartitions = ReadonlyMap<PartitionKey, number>;

export interface CurrentAssignment {
  /** -2: a static member that is away. */
  readonly epoch: number;
  /** The one before, which a member may still send whose reply was lost. */
  readonly previousEpoch: number;
  readonly state: 'stable' | 'revoking' | 'waiting';
  readonly assigned: HeldPartitions;
  /** Still the member's, and to be given up. */
  readonly revoking: HeldPartitions;
}

export interface GroupState {
  readonly group: string;
  readonly meta: GroupMeta | undefined;
  readonly members: PersistentMap<GroupMember>;
  readonly targets: PersistentMap<TargetAssignment>;
  readonly currents: PersistentMap<CurrentAssignment>;
  /** Member by partition. */
  readonly owners: PersistentMap<string>;
  /** By partition. */
  readonly offsets: PersistentMap<CommittedOffset>;
  /** By producer and partition: see `pendingKey`. */
  readonly pending: PersistentMap<PendingOffset>;
  /** By slot: the epoch modulo how many are kept. */
  readonly rebalances: PersistentMap<Rebalance>;
}

/** By group id; groups of which nothing is known are not in it. */
export type GroupsState = PersistentMap<GroupState>;

export const awayEpoch = -2;
/** Rebalances that a group remembers. */
export const keptRebalances = 32;

export const noCurrent: CurrentAssignment = {
  epoch: 0,
  previousEpoch: 0,
  state: 'stable',
  assigned: new Map(),
  revoking: new Map(),
};

const noMembers = PersistentMap.empty<GroupMember>();
const noTargets = PersistentMap.empty<TargetAssignment>();
const noCurrents = PersistentMap.empty<CurrentAssignment>();
const noOwners = PersistentMap.empty<string>();
const noOffsets = PersistentMap.empty<CommittedOffset>();
const noPending = PersistentMap.empty<PendingOffset>();
const noRebalances = PersistentMap.empty<Rebalance>();

export function emptyGroup(group: string): GroupState {
  return {
    group,
    meta: undefined,
    members: noMembers,
    targets: noTargets,
    currents: noCurrents,
    owners: noOwners,
    offsets: noOffsets,
    pending: noPending,
    rebalances: noRebalances,
  };
}

/** Whether anything is known of it. */
export function isKnown({ meta, members, targets, currents, offsets, pending, rebalances }: GroupState): boolean {
  if (meta !== undefined) return true;
  return [members, targets, currents, offsets, pending, rebalances].some(({ size }) => size > 0);
}

export function pendingKey(producerId: number, partition: PartitionKey): string {
  return `${producerId}/${partition}`;
}

export function producerOf(key: string): number {
  return Number(key.slice(0, key.indexOf('/')));
}

export function partitionOf(key: string): PartitionKey {
  return key.slice(key.indexOf('/') + 1);
}

/** Partitions of which an open transaction may still change the offset. */
export function unstablePartitions({ pending }: GroupState): ReadonlySet<PartitionKey> {
  const partitions = new Set<PartitionKey>();
  for (const key of pending.keys()) partitions.add(partitionOf(key));
  return partitions;
}

export type GroupStateName = 'empty' | 'assigning' | 'reconciling' | 'stable' | 'dead';

export function stateName(group: GroupState): GroupStateName {
  if (!isKnown(group)) return 'dead';
  if (group.members.size === 0) return 'empty';
  return isSettled(group) ? 'stable' : 'reconciling';
}

/** Every member has what it should; those that are away keep what they have. */
export function isSettled({ meta, currents, members }: GroupState): boolean {
  const epoch = meta?.assignmentEpoch ?? 0;
  if (currents.size < members.size) return false;
  for (const current of currents.values()) {
    if (current.epoch !== awayEpoch && (current.epoch !== epoch || current.state !== 'stable')) return false;
  }
  return true;
}

export function memberIds({ members }: GroupState): string[] {
  return [...members.keys()].sort();
}

/** The member that has this instance id. */
export function memberOfInstance({ members }: GroupState, instanceId: string): string | undefined {
  for (const [memberId, member] of members.entries()) if (member.instanceId === instanceId) return memberId;
  return undefined;
}

/** Oldest first. */
export function timeline({ rebalances }: GroupState): Rebalance[] {
  return [...rebalances.values()].sort((a, b) => a.epoch - b.epoch);
}
