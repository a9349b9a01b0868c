/**
 * AlterPartitionReassignments: moves partitions to other nodes, or ends moves that are under way. A reply says that
 * the move has begun, not that it is done: ListPartitionReassignments shows what is left.
 */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import {
  errorField,
  messageField,
  name,
  natural,
  partitionField,
  replicaList,
  replyList,
  requestList,
} from '../fields.js';

const request = z.object({
  topics: requestList(
    z.object({
      name: name('Name of the topic.'),
      partitions: requestList(
        z.object({
          partition: partitionField(),
          replicas: replicaList(
            'Nodes that are to hold a copy, preferred leader first; null: end the move that is under way.',
          ).nullable(),
        }),
        'Partitions to move.',
      ),
    }),
    'Topics to move partitions of.',
  ),
  timeoutMs: natural('How long to wait until the moves have begun.'),
});

const response = z.object({
  partitions: replyList(
    z.object({
      topic: name('Name of the topic.'),
      partition: partitionField(),
      error: errorField(),
      message: messageField(),
    }),
    'In the order of the request.',
  ),
});

export const alterPartitionReassignmentsApi = defineApi({
  key: 45,
  name: 'AlterPartitionReassignments',
  text: 'Moves partitions between nodes.',
  versions: [{ version: 0, why: 'First version.' }],
  listener: 'client',
  alsoInternal: true,
  request,
  response,
});

export type AlterPartitionReassignmentsRequest = RequestOf<typeof alterPartitionReassignmentsApi>;
export type AlterPartitionReassignmentsResponse = ResponseOf<typeof alterPartitionReassignmentsApi>;
