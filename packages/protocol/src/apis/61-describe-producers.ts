/** DescribeProducers: what the leaders of partitions know of those who write there; shows transactions that hang. */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import {
  errorField,
  messageField,
  natural53,
  natural53OrNone,
  naturalOrNone,
  partitionField,
  replyList,
  topicIdField,
} from '../fields.js';
import { coordinatorEpochField, producerEpochField, producerIdField, topicPartitions } from './transaction-fields.js';

const request = z.object({ partitions: topicPartitions('Partitions to look at.') });

const response = z.object({
  partitions: replyList(
    z.object({
      topicId: topicIdField(),
      partition: partitionField(),
      error: errorField(),
      message: messageField(),
      producers: replyList(
        z.object({
          producerId: producerIdField(),
          producerEpoch: producerEpochField('Epoch in which it wrote last.'),
          lastSequence: naturalOrNone('Sequence of its last record; -1: none in this epoch.'),
          lastTimestamp: natural53('When it wrote last, by the clock of the node.'),
          coordinatorEpoch: coordinatorEpochField('Of its newest marker; -1: none.'),
          transactionStartOffset: natural53OrNone('Where its open transaction began; -1: none is open.'),
        }),
        'Idempotent producers that are remembered.',
      ),
    }),
    'In the order of the request.',
  ),
});

export const describeProducersApi = defineApi({
  key: 61,
  name: 'DescribeProducers',
  text: 'Describes the producers of partitions.',
  versions: [{ version: 0, why: 'First version.' }],
  listener: 'client',
  request,
  response,
});

export type DescribeProducersRequest = RequestOf<typeof describeProducersApi>;
export type DescribeProducersResponse = ResponseOf<typeof describeProducersApi>;
