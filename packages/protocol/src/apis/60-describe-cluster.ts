/** DescribeCluster: all nodes, also those that serve no clients at the moment. */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import { name, natural, natural53OrNone, naturalOrNone, nodeRoles, text } from '../fields.js';

const request = z.object({});

const response = z.object({
  clusterId: name('Id of the cluster.'),
  controllerId: naturalOrNone('Node that leads the controller quorum; -1: unknown.'),
  metadataOffset: natural53OrNone('Last offset of the metadata log that the answering node has applied; -1: none.'),
  nodes: z
    .array(
      z.object({
        nodeId: natural('Node id.'),
        roles: nodeRoles(),
        rack: name('Failure domain; null when not set.').nullable(),
        hostLabel: name('Machine it runs on; null when not set.').nullable(),
        host: text('Host of its client listener; empty: it has none.'),
        port: natural('Port of its client listener; 0: it has none.').max(65_535),
        state: z
          .enum(['active', 'fenced', 'shutting-down'])
          .describe(
            'fenced: registered but silent, so it leads nothing; a controller: not connected to the one that leads.',
          ),
      }),
    )
    .max(10_000)
    .describe('All registered brokers, and the voters that are controllers only.'),
});

export const describeClusterApi = defineApi({
  key: 60,
  name: 'DescribeCluster',
  text: 'Describes the cluster and its nodes.',
  versions: [{ version: 0, why: 'First version.' }],
  listener: 'client',
  alsoInternal: true,
  request,
  response,
});

export type DescribeClusterRequest = RequestOf<typeof describeClusterApi>;
export type DescribeClusterResponse = ResponseOf<typeof describeClusterApi>;
