/** ListOffsets: the offset at a point in time, or at either end of a partition. */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import {
  errorField,
  messageField,
  natural53OrNone,
  naturalOrNone,
  partitionField,
  replyList,
  requestList,
  timestamp,
  topicIdField,
} from '../fields.js';
import { isolation } from './isolation.js';

/** What `timestamp` can be beside a time: the marks that Kafka uses. */
export const latestTimestamp = -1;
export const earliestTimestamp = -2;
export const maxTimestamp = -3;

const request = z.object({
  isolation: isolation(),
  partitions: requestList(
    z.object({
      topicId: topicIdField(),
      partition: partitionField(),
      leaderEpoch: naturalOrNone('Epoch of the leader the sender knows; -1: unknown.'),
      timestamp: timestamp(
        'First record at or after this time; -1: the end, -2: the start, -3: the record of the highest time.',
        maxTimestamp,
      ),
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
      offset: natural53OrNone('The offset found; -1 when no record is that young, and on error.'),
      timestamp: timestamp('Time of the record found; -1 for an end, and when there is none.', -1),
      leaderEpoch: naturalOrNone('Epoch in which the record was written; -1: unknown.'),
    }),
    'In the order of the request.',
  ),
});

export const listOffsetsApi = defineApi({
  key: 2,
  name: 'ListOffsets',
  text: 'Finds offsets by time, or the ends of partitions.',
  versions: [{ version: 0, why: 'First version.' }],
  listener: 'client',
  request,
  response,
});

export type ListOffsetsRequest = RequestOf<typeof listOffsetsApi>;
export type ListOffsetsResponse = ResponseOf<typeof listOffsetsApi>;
