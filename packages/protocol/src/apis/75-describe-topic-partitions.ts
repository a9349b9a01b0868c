/** DescribeTopicPartitions: as Metadata, with all that an operator wants to know of a partition's replicas. */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import {
  errorField,
  flag,
  messageField,
  name,
  naturalOrNone,
  partitionField,
  replicaList,
  replyList,
  requestList,
  topicIdField,
} from '../fields.js';

const request = z.object({
  topics: requestList(name('Name of a topic.'), 'Topics to describe.'),
});

const response = z.object({
  topics: replyList(
    z.object({
      error: errorField(),
      message: messageField(),
      name: name('Name as asked.'),
      topicId: topicIdField('Id; null on error.').nullable(),
      isInternal: flag('Kept by the cluster for itself.'),
      partitions: replyList(
        z.object({
          partition: partitionField(),
          leader: naturalOrNone('Node that leads it; -1: none at the moment.'),
          leaderEpoch: naturalOrNone('Number of this leadership.'),
          replicas: replicaList('Nodes that hold a copy, preferred leader first.'),
          isr: replicaList('Replicas in sync.'),
          elr: replicaList('Replicas out of sync that still hold all that was acknowledged.'),
        }),
        'All partitions of the topic.',
      ),
    }),
    'In the order of the request.',
  ),
});

export const describeTopicPartitionsApi = defineApi({
  key: 75,
  name: 'DescribeTopicPartitions',
  text: 'Describes topics and the replicas of their partitions.',
  versions: [{ version: 0, why: 'First version.' }],
  listener: 'client',
  request,
  response,
});

export type DescribeTopicPartitionsRequest = RequestOf<typeof describeTopicPartitionsApi>;
export type DescribeTopicPartitionsResponse = ResponseOf<typeof describeTopicPartitionsApi>;
