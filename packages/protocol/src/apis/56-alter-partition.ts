/**
 * AlterPartition: a leader asks the controller for another in-sync set, as compare-and-set on the partition epoch.
 *
 * The set names brokers with the epoch of their registration: a replica that died and came back since the leader looked
 * is another one, and has not what the old one had.
 */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import {
  brokerEpochField,
  errorField,
  maxReplicas,
  messageField,
  natural,
  naturalOrNone,
  nodeIdField,
  partitionField,
  replicaList,
  replyList,
  requestList,
  topicIdField,
} from '../fields.js';

const request = z.object({
  brokerId: nodeIdField('Node that leads the partitions.'),
  brokerEpoch: brokerEpochField('Epoch of its registration.'),
  partitions: requestList(
    z.object({
      topicId: topicIdField(),
      partition: partitionField(),
      leaderEpoch: natural('Epoch in which the sender leads.'),
      partitionEpoch: natural('State that the sender changes: refused when another change came first.'),
      newIsr: z
        .array(
          z.object({
            brokerId: nodeIdField('Node of the replica.'),
            brokerEpoch: brokerEpochField('Registration it had when the leader judged it.'),
          }),
        )
        .max(maxReplicas)
        .describe('The whole in-sync set wanted, the leader included.'),
    }),
    'One entry a partition.',
  ),
});

const response = z.object({
  error: errorField(),
  message: messageField(),
  partitions: replyList(
    z.object({
      topicId: topicIdField(),
      partition: partitionField(),
      error: errorField(),
      message: messageField(),
      leader: naturalOrNone('Node that leads it now; -1: none, and on error.'),
      leaderEpoch: naturalOrNone('Number of this leadership; -1 on error.'),
      isr: replicaList('In-sync set now; empty on error.'),
      partitionEpoch: naturalOrNone('State that the next change starts from; -1 on error.'),
    }),
    'In the order of the request; empty when the request as a whole was refused.',
  ),
});

export const alterPartitionApi = defineApi({
  key: 56,
  name: 'AlterPartition',
  text: 'Changes the in-sync set of partitions.',
  versions: [{ version: 0, why: 'First version: topics by id, replicas with their broker epoch.' }],
  listener: 'internal',
  request,
  response,
});

export type AlterPartitionRequest = RequestOf<typeof alterPartitionApi>;
export type AlterPartitionResponse = ResponseOf<typeof alterPartitionApi>;
