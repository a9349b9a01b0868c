/** ListPartitionReassignments: the moves of partitions that are under way. */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import { name, partitionField, replicaList, replyList, requestList } from '../fields.js';

const request = z.object({
  topics: requestList(
    z.object({
      name: name('Name of the topic.'),
      partitions: requestList(partitionField(), 'Partitions of it.'),
    }),
    'What to look at; null: all partitions.',
  ).nullable(),
});

const response = z.object({
  partitions: replyList(
    z.object({
      topic: name('Name of the topic.'),
      partition: partitionField(),
      replicas: replicaList('All that hold a copy now, also those that come and go.'),
      adding: replicaList('Those that are being filled.'),
      removing: replicaList('Those that go when the others are in sync.'),
    }),
    'Only partitions that are being moved.',
  ),
});

export const listPartitionReassignmentsApi = defineApi({
  key: 46,
  name: 'ListPartitionReassignments',
  text: 'Lists partitions that are being moved.',
  versions: [{ version: 0, why: 'First version.' }],
  listener: 'client',
  alsoInternal: true,
  request,
  response,
});

export type ListPartitionReassignmentsRequest = RequestOf<typeof listPartitionReassignmentsApi>;
export type ListPartitionReassignmentsResponse = ResponseOf<typeof listPartitionReassignmentsApi>;
