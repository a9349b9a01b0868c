/** DeleteRecords: moves the start of partitions forward. */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import {
  errorField,
  messageField,
  natural,
  natural53OrNone,
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
      beforeOffset: natural53OrNone('All records before this offset go; -1: all up to the high watermark.'),
    }),
    'Where to delete.',
  ),
  timeoutMs: natural('How long to wait for the other replicas.'),
});

const response = z.object({
  partitions: replyList(
    z.object({
      topicId: topicIdField(),
      partition: partitionField(),
      error: errorField(),
      message: messageField(),
      logStartOffset: natural53OrNone('First offset still in the log; -1 on error.'),
    }),
    'In the order of the request.',
  ),
});

export const deleteRecordsApi = defineApi({
  key: 21,
  name: 'DeleteRecords',
  text: 'Deletes records from the start of partitions.',
  versions: [{ version: 0, why: 'First version.' }],
  listener: 'client',
  request,
  response,
});

export type DeleteRecordsRequest = RequestOf<typeof deleteRecordsApi>;
export type DeleteRecordsResponse = ResponseOf<typeof deleteRecordsApi>;
