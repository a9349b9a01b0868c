/**
 * Members that go: by themselves, because they were silent for too long, or because they did not give up in time what
 * others are waiting for. What they had is free at once; their targets go with the rebalance that follows.
 */
import {
  type ConsumerGroupHeartbeatRequest,
  type ConsumerGroupHeartbeatResponse,
  leaveGroupStaticEpoch,
  protocolError,
} from '@millrace/protocol';
import type { Decision } from '@millrace/state-machine';
import { GroupDraft } from '../group-draft.js';
import type { GroupEntry } from '../group-entry.js';
import type { GroupPolicy } from '../group-policy.js';
import { awayEpoch, type GroupState } from '../group-state.js';
import { finishRebalance, rebalance, type RebalanceCause } from '../rebalance.js';
import type { Topics } from '../subscriptions.js';
import { requireInstance } from './require-instance.js';

export interface LeaveCommand {
  readonly kind: 'leave';
  readonly group: string;
  readonly request: ConsumerGroupHeartbeatRequest;
  readonly image: Topics;
}

export interface ExpireMemberCommand {
  readonly kind: 'expire-member';
  readonly group: string;
  readonly memberId: string;
  readonly image: Topics;
  readonly reason:
    | { readonly kind: 'session'; readonly timeoutMs: number }
    /** Only while it is still giving up under this epoch. */
    | { readonly kind: 'rebalance'; readonly epoch: number };
}

export function leave(
  group: GroupState,
  { request, image }: LeaveCommand,
  policy: GroupPolicy,
  nowMs: number,
): Decision<GroupEntry, ConsumerGroupHeartbeatResponse> {
  const { memberId, memberEpoch, instanceId } = request;
  requireInstance(group, memberId, instanceId);
  const member = group.members.get(memberId);
  const current = group.currents.get(memberId);
  if (member === undefined || current === undefined) {
    throw protocolError('UNKNOWN_MEMBER_ID', `Group ${group.group} has no member ${memberId}: it has left already.`);
  }
  const reply = { memberId, memberEpoch, heartbeatIntervalMs: policy.heartbeatIntervalMs, assignment: null };
  const draft = new GroupDraft(group);
  if (memberEpoch === leaveGroupStaticEpoch) {
    if (member.instanceId === null) {
      throw protocolError('INVALID_REQUEST', `Member ${memberId} is not static: it leaves with epoch -1.`);
    }
    // What it was told to give up it has given up by leaving.
    const away = { ...current, epoch: awayEpoch, state: 'stable' as const, revoking: new Map<string, number>() };
    if (current.epoch !== awayEpoch) draft.add({ type: 'current', memberId, value: away });
    finishRebalance(draft, nowMs);
    return { entries: draft.entries, reply };
  }
  removeMember(draft, memberId);
  const cause: RebalanceCause = { trigger: 'member-left', memberId, detail: `${memberId} left` };
  rebalance(draft, cause, { assignors: policy.assignors, image, nowMs });
  finishRebalance(draft, nowMs);
  return { entries: draft.entries, reply };
}

export function expireMember(
  group: GroupState,
  { memberId, reason, image }: ExpireMemberCommand,
  policy: GroupPolicy,
  nowMs: number,
): Decision<GroupEntry, undefined> {
  const member = group.members.get(memberId);
  const current = group.currents.get(memberId);
  if (member === undefined) return { entries: [], reply: undefined };
  if (reason.kind === 'rebalance' && (current?.state !== 'revoking' || current.epoch !== reason.epoch)) {
    return { entries: [], reply: undefined };
  }
  const cause: RebalanceCause =
    reason.kind === 'session'
      ? {
          trigger: 'member-expired',
          memberId,
          detail: `${memberId} from ${member.host} was silent for ${reason.timeoutMs} ms`,
        }
      : {
          trigger: 'member-fenced',
          memberId,
          detail: `${memberId} from ${member.host} did not give up its partitions within ${member.rebalanceTimeoutMs} ms`,
        };
  const draft = new GroupDraft(group);
  removeMember(draft, memberId);
  rebalance(draft, cause, { assignors: policy.assignors, image, nowMs });
  finishRebalance(draft, nowMs);
  return { entries: draft.entries, reply: undefined };
}

/** All but its target. */
export function removeMember(draft: GroupDraft, memberId: string): void {
  draft.add({ type: 'member', memberId, value: null });
  draft.add({ type: 'current', memberId, value: null });
}
