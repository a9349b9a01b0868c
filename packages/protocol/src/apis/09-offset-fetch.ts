/** OffsetFetch: what a group has committed. Never "nothing" while the coordinator is still loading. */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import {
  errorField,
  flag,
  messageField,
  name,
  natural53OrNone,
  naturalOrNone,
  partitionField,
  replyList,
  requestList,
  text,
  timestamp,
  topicIdField,
} from '../fields.js';
import { groupField, memberEpochField, memberIdField } from './group-fields.js';

const request = z.object({
  group: groupField(),
  memberId: memberIdField('Member that asks, whose epoch is checked; empty: anybody else.'),
  memberEpoch: memberEpochField('Epoch that the member knows; -1 without a member.'),
  requireStable: flag('Answer UNSTABLE_OFFSET_COMMIT where an open transaction may still change the offset.'),
  partitions: requestList(
    z.object({ topicId: topicIdField(), partition: partitionField() }),
    'Partitions asked for; null: all that have a committed offset.',
  ).nullable(),
});

const response = z.object({
  partitions: replyList(
    z.object({
      topicId: topicIdField(),
      topic: name('Name of the topic; empty when it is not known any more.'),
      partition: partitionField(),
      error: errorField(),
      message: messageField(),
      offset: natural53OrNone('The next offset to read; -1: nothing was committed.'),
      leaderEpoch: naturalOrNone('Leader epoch that was committed with it; -1: unknown.'),
      metadata: text('The text that was committed with it.').nullable(),
      committedMs: timestamp('When it was committed; -1: never.', -1),
    }),
    'In the order of the request; by topic and partition when all were asked for.',
  ),
});

export const offsetFetchApi = defineApi({
  key: 9,
  name: 'OffsetFetch',
  text: 'Reads the committed offsets of a group.',
  versions: [{ version: 0, why: 'First version: one group, topics by id.' }],
  listener: 'client',
  request,
  response,
});

export type OffsetFetchRequest = RequestOf<typeof offsetFetchApi>;
export type OffsetFetchResponse = ResponseOf<typeof offsetFetchApi>;
