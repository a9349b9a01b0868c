/**
 * A heartbeat: a member joins, says what it has, learns what it may have. See the protocol's ConsumerGroupHeartbeat.
 *
 * Only a change of members, subscriptions, assignor or topics begins a rebalance: a heartbeat by itself changes nothing
 * but what its own member has.
 */
import {
  type ConsumerGroupHeartbeatRequest,
  type ConsumerGroupHeartbeatResponse,
  joinGroupEpoch,
  protocolError,
} from '@millrace/protocol';
import type { Decision } from '@millrace/state-machine';
import { byTopic, keysOf, type PartitionKey } from '../../assignor/topic-partition.js';
import { GroupDraft } from '../group-draft.js';
import type { GroupEntry } from '../group-entry.js';
import type { GroupPolicy } from '../group-policy.js';
import {
  awayEpoch,
  type CurrentAssignment,
  type GroupMember,
  type GroupState,
  memberOfInstance,
  noCurrent,
} from '../group-state.js';
import { finishRebalance, rebalance, type RebalanceCause } from '../rebalance.js';
import { reconcile } from '../reconcile.js';
import type { Topics } from '../subscriptions.js';
import { topicPattern } from '../topic-pattern.js';
import { removeMember } from './remove-member.js';
import { requireInstance } from './require-instance.js';

export interface HeartbeatCommand {
  readonly kind: 'heartbeat';
  readonly group: string;
  readonly request: ConsumerGroupHeartbeatRequest;
  /** Where it came from. */
  readonly host: string;
  readonly image: Topics;
}

export type HeartbeatReply = ConsumerGroupHeartbeatResponse;

/** While partitions are awaited, members that do not let their heartbeats be held ask this much more often. */
const eagerness = 10;

export function heartbeat(
  group: GroupState,
  command: HeartbeatCommand,
  policy: GroupPolicy,
  nowMs: number,
): Decision<GroupEntry, HeartbeatReply> {
  const { request, image } = command;
  const { memberId } = request;
  const context = { assignors: policy.assignors, image, nowMs };
  const isJoining = request.memberEpoch === joinGroupEpoch;
  const before = group.members.get(memberId);
  if (isJoining) requireJoin(group, request, policy);
  else requireMember(group, request);
  const draft = new GroupDraft(group);
  const away = before === undefined ? takeOver(draft, request) : undefined;
  const member = mergedMember(before ?? away, command);
  checkMember(member, policy);
  if (before === undefined || !isSameMember(before, member)) draft.add({ type: 'member', memberId, value: member });
  const cause = causeOf(before ?? away, member, request);
  if (cause !== undefined) rebalance(draft, cause, context);
  const owned = ownedOf(request, isJoining);
  const current = draft.group.currents.get(memberId) ?? noCurrent;
  const next = reconcile({ group: draft.group, memberId, current, owned });
  if (next !== current || !draft.group.currents.has(memberId)) {
    draft.add({ type: 'current', memberId, value: next });
  }
  if (draft.entries.length > 0) finishRebalance(draft, nowMs);
  const isNews =
    isJoining ||
    request.memberEpoch !== next.epoch ||
    !isSameKeys(current.assigned, next.assigned) ||
    (owned !== undefined && !isSameKeys(owned, next.assigned));
  return {
    entries: draft.entries,
    reply: {
      memberId,
      memberEpoch: next.epoch,
      heartbeatIntervalMs:
        next.state === 'stable' ? policy.heartbeatIntervalMs : Math.ceil(policy.heartbeatIntervalMs / eagerness),
      assignment: isNews ? namedAssignment(next, image) : null,
    },
  };
}

/** Whether a heartbeat of this member, as it is now, would be told something new. */
export function hasNews(group: GroupState, memberId: string): boolean {
  const current = group.currents.get(memberId);
  if (current === undefined) return true;
  return reconcile({ group, memberId, current, owned: undefined }) !== current;
}

function requireJoin(group: GroupState, request: ConsumerGroupHeartbeatRequest, { maxMembers }: GroupPolicy): void {
  const { memberId, instanceId, rebalanceTimeoutMs, subscribedTopics, subscribedPattern, ownedPartitions } = request;
  if (memberId === '') {
    throw protocolError('INVALID_REQUEST', 'A member that joins draws its own member id: none was sent.');
  }
  if (rebalanceTimeoutMs <= 0 || (subscribedTopics === null && subscribedPattern === null)) {
    throw protocolError('INVALID_REQUEST', 'A member that joins sends its rebalance timeout and its subscription.');
  }
  if (ownedPartitions !== null && ownedPartitions.some(({ partitions }) => partitions.length > 0)) {
    throw protocolError('INVALID_REQUEST', 'A member that joins has no partitions: give them up first.');
  }
  if (group.members.has(memberId)) return;
  const holder = instanceId === null ? undefined : memberOfInstance(group, instanceId);
  if (holder !== undefined) {
    if (group.currents.get(holder)?.epoch === awayEpoch) return;
    throw protocolError(
      'UNRELEASED_INSTANCE_ID',
      `Member ${holder} has instance id ${instanceId} and is alive: wait until its session ends, or use another id.`,
    );
  }
  if (group.members.size >= maxMembers) {
    throw protocolError('GROUP_MAX_SIZE_REACHED', `Group ${group.group} has ${maxMembers} members, the most it may.`);
  }
}

/** Throws unless the member is in the group and knows its epoch, or the one before when that is all it could know. */
function requireMember(group: GroupState, request: ConsumerGroupHeartbeatRequest): void {
  const { memberId, memberEpoch, instanceId } = request;
  requireInstance(group, memberId, instanceId);
  const current = group.currents.get(memberId);
  if (!group.members.has(memberId) || current === undefined) {
    throw protocolError('UNKNOWN_MEMBER_ID', `Group ${group.group} has no member ${memberId}: join again.`);
  }
  if (memberEpoch === current.epoch) return;
  const owned = ownedOf(request, false);
  const isReplyLost =
    memberEpoch === current.previousEpoch &&
    owned !== undefined &&
    [...owned].every((key) => current.assigned.has(key) || current.revoking.has(key));
  if (isReplyLost) return;
  throw protocolError(
    'FENCED_MEMBER_EPOCH',
    `Member ${memberId} of group ${group.group} is at epoch ${current.epoch}, not ${memberEpoch}: it is to give up all and join again.`,
  );
}

/** A static member that comes back under another member id gets what the one before had. */
function takeOver(draft: GroupDraft, { instanceId, memberId }: ConsumerGroupHeartbeatRequest): GroupMember | undefined {
  const { group } = draft;
  const holder = instanceId === null ? undefined : memberOfInstance(group, instanceId);
  if (holder === undefined) return undefined;
  const member = group.members.get(holder);
  const target = group.targets.get(holder);
  const current = group.currents.get(holder);
  removeMember(draft, holder);
  if (target !== undefined) {
    draft.add({ type: 'target', memberId: holder, value: null });
    draft.add({ type: 'target', memberId, value: target });
  }
  // It joins from the beginning, and still has its place: epoch 0 with all that is assigned to it.
  if (current !== undefined) {
    draft.add({ type: 'current', memberId, value: { ...noCurrent, assigned: current.assigned } });
  }
  return member;
}

function mergedMember(before: GroupMember | undefined, { request, host }: HeartbeatCommand): GroupMember {
  return {
    instanceId: request.instanceId ?? before?.instanceId ?? null,
    rackId: request.rackId ?? before?.rackId ?? null,
    clientId: request.clientId ?? before?.clientId ?? '',
    host,
    rebalanceTimeoutMs: request.rebalanceTimeoutMs > 0 ? request.rebalanceTimeoutMs : (before?.rebalanceTimeoutMs ?? 0),
    topics: request.subscribedTopics === null ? (before?.topics ?? []) : [...new Set(request.subscribedTopics)].sort(),
    pattern: request.subscribedPattern ?? before?.pattern ?? '',
    assignor: request.assignor ?? before?.assignor ?? null,
  };
}

function checkMember({ assignor, pattern }: GroupMember, { assignors }: GroupPolicy): void {
  if (assignor !== null && !assignors.has(assignor)) {
    const names = [...assignors.keys()].join(', ');
    throw protocolError('UNSUPPORTED_ASSIGNOR', `There is no assignor ${assignor} here, only: ${names}.`);
  }
  if (pattern !== '') topicPattern(pattern);
}

/** Why there must be a rebalance; undefined when there need be none. */
function causeOf(
  before: GroupMember | undefined,
  after: GroupMember,
  { memberId }: ConsumerGroupHeartbeatRequest,
): RebalanceCause | undefined {
  const who = after.instanceId === null ? memberId : `${memberId} (instance ${after.instanceId})`;
  if (before === undefined) return { trigger: 'member-joined', memberId, detail: `${who} joined from ${after.host}` };
  if (before.topics.join('\n') !== after.topics.join('\n') || before.pattern !== after.pattern) {
    return { trigger: 'subscription-changed', memberId, detail: `${who} reads ${subscriptionText(after)}` };
  }
  if (before.assignor !== after.assignor) {
    return { trigger: 'assignor-changed', memberId, detail: `${who} asks for ${after.assignor ?? 'any assignor'}` };
  }
  if (before.rackId !== after.rackId) {
    return { trigger: 'subscription-changed', memberId, detail: `${who} is in rack ${after.rackId ?? 'unknown'}` };
  }
  return undefined;
}

/** Names that the text gives; a list may be long. */
const maxNamesTold = 10;

function subscriptionText({ topics, pattern }: GroupMember): string {
  const names = topics.slice(0, maxNamesTold).join(', ');
  const more = topics.length > maxNamesTold ? ` and ${topics.length - maxNamesTold} more` : '';
  const list = topics.length === 0 ? 'no topic by name' : `${names}${more}`;
  return pattern === '' ? list : `${list}, and what matches ${pattern}`;
}

function ownedOf(
  { ownedPartitions }: ConsumerGroupHeartbeatRequest,
  isJoining: boolean,
): ReadonlySet<PartitionKey> | undefined {
  if (isJoining) return new Set();
  return ownedPartitions === null ? undefined : new Set(keysOf(ownedPartitions));
}

function namedAssignment({ assigned }: CurrentAssignment, image: Topics): HeartbeatReply['assignment'] {
  return byTopic(assigned.keys()).map(({ topicId, partitions }) => ({
    topicId,
    topic: image.topicById(topicId)?.name ?? '',
    partitions,
  }));
}

function isSameMember(a: GroupMember, b: GroupMember): boolean {
  return (
    a.instanceId === b.instanceId &&
    a.rackId === b.rackId &&
    a.clientId === b.clientId &&
    a.host === b.host &&
    a.rebalanceTimeoutMs === b.rebalanceTimeoutMs &&
    a.pattern === b.pattern &&
    a.assignor === b.assignor &&
    a.topics.length === b.topics.length &&
    a.topics.every((name, index) => name === b.topics[index])
  );
}

interface Keys {
  readonly size: number;
  keys(): Iterable<PartitionKey>;
  has(key: PartitionKey): boolean;
}

function isSameKeys(a: Keys, b: Keys): boolean {
  if (a.size !== b.size) return false;
  for (const key of a.keys()) if (!b.has(key)) return false;
  return true;
}
