/** DescribeLogDirs: what a node holds of partitions on its disk. */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import {
  errorField,
  messageField,
  natural53OrNone,
  partitionField,
  replyList,
  requestList,
  topicIdField,
} from '../fields.js';

const request = z.object({
  partitions: requestList(z.object({ topicId: topicIdField(), partition: partitionField() }), 'What to describe.'),
});

const response = z.object({
  partitions: replyList(
    z.object({
      topicId: topicIdField(),
      partition: partitionField(),
      error: errorField(),
      message: messageField(),
      isLeader: z.boolean().describe('Whether the node leads the partition; false on error.'),
      logStartOffset: natural53OrNone('First offset still in the log; -1 on error.'),
      highWatermark: natural53OrNone('Offset after the last readable record; -1 on error.'),
      logEndOffset: natural53OrNone('Offset the next record will get; -1 on error.'),
      sizeBytes: natural53OrNone('Bytes of all segments; -1 on error.'),
    }),
    'In the order of the request.',
  ),
});

export const describeLogDirsApi = defineApi({
  key: 35,
  name: 'DescribeLogDirs',
  text: 'Describes the logs that a node holds.',
  versions: [{ version: 0, why: 'First version.' }],
  listener: 'client',
  request,
  response,
});

export type DescribeLogDirsRequest = RequestOf<typeof describeLogDirsApi>;
export type DescribeLogDirsResponse = ResponseOf<typeof describeLogDirsApi>;
