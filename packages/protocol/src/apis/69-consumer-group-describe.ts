/** ConsumerGroupDescribe: a group as its coordinator sees it, and why it was rebalanced. */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import {
  errorField,
  flag,
  messageField,
  name,
  natural,
  naturalOrNone,
  partitionField,
  replyList,
  requestList,
  text,
  timestamp,
  topicIdField,
} from '../fields.js';
import { rebalanceTriggers } from '../group-record.js';
import { groupField, groupStateField, labelField, memberIdField } from './group-fields.js';
import { assignedPartitions } from './group-partitions.js';

/** How much of a rebalance is told: its moves beyond this are only counted. */
const maxMovesTold = 1000;
const maxRebalancesTold = 1000;

const request = z.object({
  groups: requestList(groupField(), 'Groups to describe.'),
});

const member = z.object({
  memberId: memberIdField('Id of the member.'),
  instanceId: labelField('Its instance id; null: not static.').nullable(),
  rackId: labelField('Its rack; null: unknown.').nullable(),
  clientId: labelField('Name of the client.'),
  host: name('Address that it came from last.'),
  epoch: z
    .int()
    .min(-2)
    .max(2 ** 31 - 1)
    .describe('Member epoch; -2: a static member that is away for a while.'),
  state: z
    .enum(['stable', 'revoking', 'waiting', 'away'])
    .describe('stable; revoking: has to give partitions up; waiting: for partitions of others; away: a static member.'),
  subscribedTopics: replyList(name('Name of a topic.'), 'Topics it reads by name.'),
  subscribedPattern: text('Pattern of topics that it reads too; empty: none.'),
  assignment: assignedPartitions('What it may have now.'),
  target: assignedPartitions('What it is to have when the rebalance is over.'),
});

const move = z.object({
  topicId: topicIdField(),
  topic: name('Name of the topic.'),
  partition: partitionField(),
  from: memberIdField('Who had it; null: nobody.').nullable(),
  to: memberIdField('Who is to have it; null: nobody.').nullable(),
});

const rebalance = z.object({
  epoch: natural('Group epoch that it led to.'),
  trigger: z.enum(rebalanceTriggers).describe('What began it.'),
  memberId: memberIdField('The member that began it; null: no member did.').nullable(),
  detail: text('The same in words, with names.'),
  startedMs: timestamp('When it began.', 0),
  durationMs: naturalOrNone('Until every member had what it should, or the next rebalance began; -1: not over yet.'),
  isSuperseded: flag('The next rebalance began before this one was over.'),
  movedPartitions: natural('How many partitions got another owner.'),
  moves: z.array(move).max(maxMovesTold).describe('Which, up to a limit.'),
});

const response = z.object({
  groups: replyList(
    z.object({
      group: groupField('As asked.'),
      error: errorField(),
      message: messageField(),
      state: groupStateField(),
      epoch: natural('Group epoch: one more with each rebalance.'),
      assignmentEpoch: natural('Epoch of the newest assignment.'),
      assignor: labelField('Which assignor is used.'),
      members: replyList(member, 'By id.'),
      rebalances: z.array(rebalance).max(maxRebalancesTold).describe('The last ones, oldest first.'),
    }),
    'In the order of the request.',
  ),
});

export const consumerGroupDescribeApi = defineApi({
  key: 69,
  name: 'ConsumerGroupDescribe',
  text: 'Describes consumer groups: members, assignments, and the rebalances they went through.',
  versions: [{ version: 0, why: 'First version.' }],
  listener: 'client',
  request,
  response,
});

export type ConsumerGroupDescribeRequest = RequestOf<typeof consumerGroupDescribeApi>;
export type ConsumerGroupDescribeResponse = ResponseOf<typeof consumerGroupDescribeApi>;
