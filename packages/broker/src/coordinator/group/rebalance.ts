/** A new epoch of a group: a new target for every member, and a line in the timeline that says why. */
import type { AssignableMember, GroupAssignment } from '../assignor/assignor.js';
import { type Assignors, defaultAssignor } from '../assignor/assignors.js';
import { comparePartitions, indexOf, type PartitionKey, topicIdOf } from '../assignor/topic-partition.js';
import type { GroupDraft } from './group-draft.js';
import {
  type GroupMeta,
  type GroupState,
  isSettled,
  keptRebalances,
  memberIds,
  type Rebalance,
  timeline,
} from './group-state.js';
import { assignableTopics, type Subscriptions, subscriptionsOf, type Topics, topicsRecord } from './subscriptions.js';

export interface RebalanceCause {
  readonly trigger: Rebalance['trigger'];
  readonly memberId: string | null;
  readonly detail: string;
}

export interface RebalanceContext {
  readonly assignors: Assignors;
  readonly image: Topics;
  readonly nowMs: number;
}

/** Moves that the timeline names; the rest is counted. */
const maxMovesKept = 100;
const noPartitions: ReadonlySet<PartitionKey> = new Set();

export function rebalance(draft: GroupDraft, cause: RebalanceCause, context: RebalanceContext): void {
  const { nowMs, image, assignors } = context;
  const { group } = draft;
  const epoch = (group.meta?.epoch ?? 0) + 1;
  const assignor = preferredAssignor(group, assignors);
  const subscriptions = subscriptionsOf(group, image);
  const meta: GroupMeta = {
    epoch,
    assignmentEpoch: epoch,
    assignor,
    topics: topicsRecord(subscriptions),
    metadataPosition: Math.max(image.position, group.meta?.metadataPosition ?? 0),
    emptySinceMs: group.members.size === 0 ? nowMs : -1,
  };
  const assignment = assign(group, subscriptions, { ...context, assignor });
  const moves = movesBetween(group, assignment);
  supersede(draft, nowMs);
  draft.add({ type: 'group', value: meta });
  for (const [memberId, partitions] of assignment) {
    const before = group.targets.get(memberId);
    if (before === undefined || !isSameSet(before, partitions)) {
      draft.add({ type: 'target', memberId, value: partitions });
    }
  }
  for (const memberId of group.targets.keys()) {
    if (!assignment.has(memberId)) draft.add({ type: 'target', memberId, value: null });
  }
  const value: Rebalance = {
    ...cause,
    epoch,
    startedMs: nowMs,
    finishedMs: -1,
    isSuperseded: false,
    movedPartitions: moves.length,
    moves: moves.slice(0, maxMovesKept),
  };
  draft.add({ type: 'rebalance', slot: epoch % keptRebalances, value });
}

/** After the members may have come to where they should be: the rebalance is over. */
export function finishRebalance(draft: GroupDraft, nowMs: number): void {
  const last = timeline(draft.group).at(-1);
  if (last === undefined || last.finishedMs !== -1 || !isSettled(draft.group)) return;
  const value = { ...last, finishedMs: Math.max(nowMs, last.startedMs) };
  draft.add({ type: 'rebalance', slot: last.epoch % keptRebalances, value });
}

function supersede(draft: GroupDraft, nowMs: number): void {
  const last = timeline(draft.group).at(-1);
  if (last === undefined || last.finishedMs !== -1) return;
  const value = { ...last, finishedMs: Math.max(nowMs, last.startedMs), isSuperseded: true };
  draft.add({ type: 'rebalance', slot: last.epoch % keptRebalances, value });
}

/** What most members ask for; those who ask for nothing do not count. */
function preferredAssignor({ members }: GroupState, assignors: Assignors): string {
  const votes = new Map<string, number>();
  for (const { assignor } of members.values()) {
    if (assignor !== null && assignors.has(assignor)) votes.set(assignor, (votes.get(assignor) ?? 0) + 1);
  }
  const inOrder = [...votes].sort(([nameA, a], [nameB, b]) => b - a || (nameA < nameB ? -1 : 1));
  return inOrder[0]?.[0] ?? defaultAssignor;
}

function assign(
  group: GroupState,
  subscriptions: Subscriptions,
  { assignors, assignor, image }: RebalanceContext & { readonly assignor: string },
): GroupAssignment {
  const members = memberIds(group).map((memberId): AssignableMember => {
    const { instanceId = null, rackId = null } = group.members.get(memberId) ?? {};
    return {
      memberId,
      instanceId,
      rackId,
      topicIds: subscriptions.byMember.get(memberId) ?? noPartitions,
      owned: group.targets.get(memberId) ?? noPartitions,
    };
  });
  const topics = assignableTopics(group, subscriptions, image);
  return assignors.get(assignor)?.assign({ members, topics }) ?? new Map();
}

type Move = Rebalance['moves'][number];

/** Partitions that are another's than before, by partition. */
function movesBetween({ targets }: GroupState, assignment: GroupAssignment): Move[] {
  const before = ownersOf(targets.entries());
  const after = ownersOf(assignment.entries());
  const moves: Move[] = [];
  for (const key of [...new Set([...before.keys(), ...after.keys()])].sort(comparePartitions)) {
    const [from = null, to = null] = [before.get(key), after.get(key)];
    if (from !== to) moves.push({ topicId: topicIdOf(key), partition: indexOf(key), from, to });
  }
  return moves;
}

function ownersOf(
  assignments: Iterable<readonly [string, ReadonlySet<PartitionKey>]>,
): ReadonlyMap<PartitionKey, string> {
  const owners = new Map<PartitionKey, string>();
  for (const [memberId, partitions] of assignments) for (const key of partitions) owners.set(key, memberId);
  return owners;
}

function isSameSet(a: ReadonlySet<PartitionKey>, b: ReadonlySet<PartitionKey>): boolean {
  if (a.size !== b.size) return false;
  for (const key of a) if (!b.has(key)) return false;
  return true;
}
