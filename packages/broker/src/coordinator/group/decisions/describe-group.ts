/** A group as an operator sees it. */
import {
  type ConsumerGroupDescribeResponse,
  type ListGroupsRequest,
  type ListGroupsResponse,
  noError,
} from '@millrace/protocol';
import { byTopic, type PartitionKey } from '../../assignor/topic-partition.js';
import { defaultAssignor } from '../../assignor/assignors.js';
import {
  awayEpoch,
  type GroupsState,
  type GroupState,
  memberIds,
  noCurrent,
  type Rebalance,
  stateName,
  timeline,
} from '../group-state.js';
import type { Topics } from '../subscriptions.js';
import { requireKnown } from './delete-group.js';

export interface DescribeGroupCommand {
  readonly kind: 'describe-group';
  readonly group: string;
  readonly image: Topics;
}

export interface ListGroupsCommand {
  readonly kind: 'list-groups';
  readonly request: ListGroupsRequest;
}

export type GroupDescription = ConsumerGroupDescribeResponse['groups'][number];
type Member = GroupDescription['members'][number];

export function describeGroup(group: GroupState, { image }: DescribeGroupCommand): GroupDescription {
  requireKnown(group);
  const { meta } = group;
  return {
    group: group.group,
    ...noError,
    state: stateName(group),
    epoch: meta?.epoch ?? 0,
    assignmentEpoch: meta?.assignmentEpoch ?? 0,
    assignor: meta?.assignor ?? defaultAssignor,
    members: memberIds(group).map((memberId) => describeMember(group, memberId, image)),
    rebalances: timeline(group).map((one) => describeRebalance(one, image)),
  };
}

export function listGroups(groups: GroupsState, { request }: ListGroupsCommand): ListGroupsResponse {
  const wanted = new Set(request.states);
  const found = [...groups.values()]
    .map((group) => ({ group: group.group, state: stateName(group), members: group.members.size }))
    .filter(({ state }) => wanted.size === 0 || wanted.has(state));
  return { groups: found.sort((a, b) => (a.group < b.group ? -1 : 1)) };
}

function describeMember(group: GroupState, memberId: string, image: Topics): Member {
  const member = group.members.get(memberId);
  const current = group.currents.get(memberId) ?? noCurrent;
  return {
    memberId,
    instanceId: member?.instanceId ?? null,
    rackId: member?.rackId ?? null,
    clientId: member?.clientId ?? '',
    host: member?.host ?? '',
    epoch: current.epoch,
    state: current.epoch === awayEpoch ? 'away' : current.state,
    subscribedTopics: member?.topics ?? [],
    subscribedPattern: member?.pattern ?? '',
    assignment: named([...current.assigned.keys(), ...current.revoking.keys()], image),
    target: named(group.targets.get(memberId) ?? [], image),
  };
}

function named(keys: Iterable<PartitionKey>, image: Topics): Member['target'] {
  return byTopic(keys).map(({ topicId, partitions }) => ({ topicId, topic: nameOf(topicId, image), partitions }));
}

function describeRebalance(one: Rebalance, image: Topics): GroupDescription['rebalances'][number] {
  const { finishedMs, startedMs, moves, ...rest } = one;
  return {
    ...rest,
    startedMs,
    durationMs: finishedMs === -1 ? -1 : finishedMs - startedMs,
    moves: moves.map((move) => ({ ...move, topic: nameOf(move.topicId, image) })),
  };
}

function nameOf(topicId: string, image: Topics): string {
  return image.topicById(topicId)?.name ?? '';
}
