/**
 * OffsetForLeaderEpoch: where an epoch ended in the leader's log. Followers and readers find with it the place up to
 * which what they have is what the leader has.
 */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import {
  errorField,
  messageField,
  natural,
  natural53OrNone,
  naturalOrNone,
  partitionField,
  replyList,
  requestList,
  topicIdField,
} from '../fields.js';

const request = z.object({
  partitions: requestList(
    z.object({
      topicId: topicIdField(),
      partition: partitionField(),
      currentLeaderEpoch: naturalOrNone(
        'Epoch of the leader the sender knows, so that a deposed one refuses; -1: unknown.',
      ),
      leaderEpoch: natural('The epoch whose end is asked for.'),
    }),
    'What is asked.',
  ),
});

const response = z.object({
  partitions: replyList(
    z.object({
      topicId: topicIdField(),
      partition: partitionField(),
      error: errorField(),
      message: messageField(),
      leaderEpoch: naturalOrNone('Largest epoch not above the one asked for that the leader has records of; -1: none.'),
      endOffset: natural53OrNone('Offset after the last record of that epoch; -1 when there is none, and on error.'),
    }),
    'In the order of the request.',
  ),
});

export const offsetForLeaderEpochApi = defineApi({
  key: 23,
  name: 'OffsetForLeaderEpoch',
  text: 'Finds where a leader epoch ended.',
  versions: [{ version: 0, why: 'First version.' }],
  listener: 'client',
  alsoInternal: true,
  request,
  response,
});

export type OffsetForLeaderEpochRequest = RequestOf<typeof offsetForLeaderEpochApi>;
export type OffsetForLeaderEpochResponse = ResponseOf<typeof offsetForLeaderEpochApi>;
