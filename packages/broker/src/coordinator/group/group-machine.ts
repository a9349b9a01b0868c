/** Groups as a state machine: its commands, and which decision each one is. */
import { unreachable } from '@millrace/base';
import type {
  ConsumerGroupHeartbeatResponse,
  ListGroupsResponse,
  OffsetCommitResponse,
  OffsetDeleteResponse,
  OffsetFetchResponse,
  TxnOffsetCommitResponse,
} from '@millrace/protocol';
import { type Decision, PersistentMap, type StateMachine } from '@millrace/state-machine';
import { applyGroupEntry } from './apply-group-entry.js';
import { commitOffsets, type CommitOffsetsCommand } from './decisions/commit-offsets.js';
import {
  commitTransactionOffsets,
  type CommitTransactionOffsetsCommand,
} from './decisions/commit-transaction-offsets.js';
import {
  deleteGroup,
  type DeleteGroupCommand,
  deleteOffsets,
  type DeleteOffsetsCommand,
} from './decisions/delete-group.js';
import {
  describeGroup,
  type DescribeGroupCommand,
  type GroupDescription,
  listGroups,
  type ListGroupsCommand,
} from './decisions/describe-group.js';
import { endTransaction, type EndTransactionCommand, type EndTransactionReply } from './decisions/end-transaction.js';
import { expireOffsets, type ExpireOffsetsCommand } from './decisions/expire-offsets.js';
import { fetchOffsets, type FetchOffsetsCommand } from './decisions/fetch-offsets.js';
import { heartbeat, type HeartbeatCommand } from './decisions/heartbeat.js';
import { expireMember, type ExpireMemberCommand, leave, type LeaveCommand } from './decisions/remove-member.js';
import { topicsChanged, type TopicsChangedCommand } from './decisions/topics-changed.js';
import type { GroupEntry } from './group-entry.js';
import type { GroupPolicy } from './group-policy.js';
import { emptyGroup, type GroupsState } from './group-state.js';

export type GroupCommand =
  | HeartbeatCommand
  | LeaveCommand
  | ExpireMemberCommand
  | TopicsChangedCommand
  | CommitOffsetsCommand
  | CommitTransactionOffsetsCommand
  | EndTransactionCommand
  | FetchOffsetsCommand
  | DeleteGroupCommand
  | DeleteOffsetsCommand
  | ExpireOffsetsCommand
  | DescribeGroupCommand
  | ListGroupsCommand;

/** The reply to each kind of command. */
export interface GroupReplies {
  readonly heartbeat: ConsumerGroupHeartbeatResponse;
  readonly leave: ConsumerGroupHeartbeatResponse;
  readonly 'expire-member': undefined;
  readonly 'topics-changed': undefined;
  readonly 'commit-offsets': OffsetCommitResponse;
  readonly 'commit-transaction-offsets': TxnOffsetCommitResponse;
  readonly 'end-transaction': EndTransactionReply;
  readonly 'fetch-offsets': OffsetFetchResponse;
  readonly 'delete-group': undefined;
  readonly 'delete-offsets': OffsetDeleteResponse;
  readonly 'expire-offsets': undefined;
  readonly 'describe-group': GroupDescription;
  readonly 'list-groups': ListGroupsResponse;
}

export type GroupReply = GroupReplies[GroupCommand['kind']];
export type GroupMachine = StateMachine<GroupsState, GroupCommand, GroupEntry, GroupReply>;

export function groupMachine(policy: GroupPolicy): GroupMachine {
  return {
    initial: () => PersistentMap.empty(),
    decide: (groups, command, nowMs) => decide(groups, command, policy, nowMs),
    apply: applyGroupEntry,
  };
}

function decide(
  groups: GroupsState,
  command: GroupCommand,
  policy: GroupPolicy,
  nowMs: number,
): Decision<GroupEntry, GroupReply> {
  if (command.kind === 'list-groups') return { entries: [], reply: listGroups(groups, command) };
  const group = groups.get(command.group) ?? emptyGroup(command.group);
  switch (command.kind) {
    case 'heartbeat':
      return heartbeat(group, command, policy, nowMs);
    case 'leave':
      return leave(group, command, policy, nowMs);
    case 'expire-member':
      return expireMember(group, command, policy, nowMs);
    case 'topics-changed':
      return topicsChanged(group, command, policy, nowMs);
    case 'commit-offsets':
      return commitOffsets(group, command, policy, nowMs);
    case 'commit-transaction-offsets':
      return commitTransactionOffsets(group, command, policy, nowMs);
    case 'end-transaction':
      return endTransaction(group, command);
    case 'fetch-offsets':
      return { entries: [], reply: fetchOffsets(group, command) };
    case 'delete-group':
      return deleteGroup(group);
    case 'delete-offsets':
      return deleteOffsets(group, command);
    case 'expire-offsets':
      return expireOffsets(group, command, policy, nowMs);
    case 'describe-group':
      return { entries: [], reply: describeGroup(group, command) };
    default:
      return unreachable(command);
  }
}
