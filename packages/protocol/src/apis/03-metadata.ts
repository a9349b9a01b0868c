/** Metadata: nodes, topics and who leads which partition. Any node answers from its own image of the cluster. */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import {
  errorField,
  flag,
  messageField,
  name,
  natural,
  naturalOrNone,
  partitionField,
  replicaList,
  replyList,
  requestList,
  text,
  topicIdField,
} from '../fields.js';

const request = z.object({
  topics: requestList(
    z.object({
      name: name('Name of a topic; null when asked by id.').nullable(),
      topicId: topicIdField('Id of a topic; null when asked by name.').nullable(),
    }),
    'What to describe; null: all topics.',
  ).nullable(),
  allowAutoCreate: flag('Create topics asked by name that do not exist, if the cluster allows that.'),
  includeInternal: flag('With topics null: list internal topics too.'),
});

const response = z.object({
  clusterId: name('Id of the cluster.'),
  controllerId: naturalOrNone('Node that leads the controller quorum; -1: unknown.'),
  metadataPosition: natural(
    'How far the node that answers knows the metadata log: of two replies the one with the lower position is older.',
  ),
  nodes: z
    .array(
      z.object({
        nodeId: natural('Node id.'),
        host: text('Host of its client listener.'),
        port: natural('Port of its client listener.').max(65_535),
        rack: name('Failure domain; null when not set.').nullable(),
      }),
    )
    .max(10_000)
    .describe('Live brokers.'),
  topics: replyList(
    z.object({
      error: errorField(),
      message: messageField(),
      name: name('Name; null when an unknown id was asked for.').nullable(),
      topicId: topicIdField('Id; null when an unknown name was asked for.').nullable(),
      isInternal: flag('Kept by the cluster for itself.'),
      partitions: replyList(
        z.object({
          partition: partitionField(),
          error: errorField(),
          leader: naturalOrNone('Node that leads it; -1: none at the moment.'),
          leaderEpoch: naturalOrNone('Number of this leadership.'),
          replicas: replicaList('Nodes that hold a copy, preferred leader first.'),
          isr: replicaList('Replicas in sync.'),
        }),
        'All partitions of the topic.',
      ),
    }),
    'In the order of the request.',
  ),
});

export const metadataApi = defineApi({
  key: 3,
  name: 'Metadata',
  text: 'Describes nodes, topics and partition leaders.',
  versions: [{ version: 0, why: 'First version: topics by name or id.' }],
  listener: 'client',
  request,
  response,
});

export type MetadataRequest = RequestOf<typeof metadataApi>;
export type MetadataResponse = ResponseOf<typeof metadataApi>;
