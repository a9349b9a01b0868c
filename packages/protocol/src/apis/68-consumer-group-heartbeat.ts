/**
 * ConsumerGroupHeartbeat: the one request by which a member joins, stays, learns its assignment, gives partitions up,
 * and leaves.
 *
 *     member                                               coordinator
 *     join    epoch 0, all fields                     ->   member epoch, assignment
 *     beat    its epoch, null where nothing changed   ->   same epoch, no assignment: nothing to do
 *                                                     <-   an assignment with fewer partitions: give the others up
 *     beat    owned partitions: those that are left   ->   a newer epoch, more partitions: they are yours
 *     leave   epoch -1 (-2: a static member, back soon)
 *
 * An assignment is the whole of what the member may have. It is sent when it changed, and again until `ownedPartitions`
 * says that the member has taken it in. A partition comes to a member only after the one before has given it up, or was
 * put out. A heartbeat may be held until there is news (`maxWaitMs`); another one of the same member ends that.
 *
 * A member whose heartbeat went unanswered says everything again in the next, under the epoch that it knows: null means
 * "as in my last one that was answered". After FENCED_MEMBER_EPOCH or UNKNOWN_MEMBER_ID a member has nothing any more, and joins again.
 */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import { maxListLength, name, natural, naturalOrNone } from '../fields.js';
import { groupField, labelField, memberIdField } from './group-fields.js';
import { assignedPartitions, ownedPartitions } from './group-partitions.js';

/** What `memberEpoch` can be beside an epoch. */
export const joinGroupEpoch = 0;
export const leaveGroupEpoch = -1;
export const leaveGroupStaticEpoch = -2;

const maxInt32 = 2 ** 31 - 1;
const maxPatternLength = 1024;

const request = z.object({
  group: groupField(),
  memberId: memberIdField('Drawn by the member when it starts, and kept for its whole life.'),
  memberEpoch: z
    .int()
    .min(leaveGroupStaticEpoch)
    .max(maxInt32)
    .describe('Epoch that the member was given last; 0: join, -1: leave, -2: a static member leaves and will be back.'),
  clientId: labelField('Name of the client, for people; null: as before.').nullable(),
  instanceId: labelField(
    'Same id after a restart: the member comes back as a static one; null: not static.',
  ).nullable(),
  rackId: labelField('Rack of the member, for the rack-aware assignment; null: as before.').nullable(),
  maxWaitMs: natural('How long the answer may be held back while there is nothing new for the member; 0: not at all.'),
  rebalanceTimeoutMs: naturalOrNone('How long it may take to give partitions up; -1: as before.'),
  subscribedTopics: z
    .array(name('Name of a topic.'))
    .max(maxListLength)
    .describe('Topics to read; null: as before.')
    .nullable(),
  subscribedPattern: z
    .string()
    .max(maxPatternLength)
    .describe(
      'Topics whose whole name matches are read too: text, ?, *, [a-z], {one,other}; empty: none, null: as before.',
    )
    .nullable(),
  assignor: labelField('uniform or range; null: as before, or the default of the broker.').nullable(),
  ownedPartitions: ownedPartitions(
    'What the member has now, nothing when it joins; null: as it said before.',
  ).nullable(),
});

const response = z.object({
  memberId: memberIdField('As sent.'),
  memberEpoch: z.int().min(leaveGroupStaticEpoch).max(maxInt32).describe('To be sent from now on.'),
  heartbeatIntervalMs: natural('When to send the next one, at the latest.'),
  assignment: assignedPartitions(
    'All that the member may have from now on: the rest is to be given up; null: no change.',
  ).nullable(),
});

export const consumerGroupHeartbeatApi = defineApi({
  key: 68,
  name: 'ConsumerGroupHeartbeat',
  text: 'Joins a consumer group, stays in it, takes and gives partitions, leaves.',
  versions: [
    { version: 0, why: 'First version: assignments made by the broker, handed over one partition at a time.' },
  ],
  listener: 'client',
  request,
  response,
});

export type ConsumerGroupHeartbeatRequest = RequestOf<typeof consumerGroupHeartbeatApi>;
export type ConsumerGroupHeartbeatResponse = ResponseOf<typeof consumerGroupHeartbeatApi>;
