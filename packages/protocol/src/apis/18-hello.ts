/**
 * Hello: the first frame on every connection, in both roles of Kafka's ApiVersions: who talks to whom, and what each
 * API's versions are.
 *
 * Version 0 is understood for ever: it is sent before anything is known of the peer.
 */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import { idField, name, natural, nodeIdField } from '../fields.js';

const request = z.object({
  softwareName: name('Program that connects, such as millrace-js.'),
  softwareVersion: name('Its version.'),
  clusterId: name('The cluster it expects to find, refused when it is another one; null: any.').nullable(),
  node: z
    .object({
      nodeId: nodeIdField('Node id of the sender.'),
      clusterId: name('Cluster it belongs to; null: it has not joined one yet.').nullable(),
      directoryId: idField('Id of its data directory.'),
      incarnationId: idField('Drawn by its process when it started.'),
      internal: z
        .object({ host: name('Host.'), port: natural('Port.').max(65_535) })
        .optional()
        .describe('Where other nodes reach it; left out where that is known, as for a voter.'),
      voterIds: z
        .array(nodeIdField('Node id.'))
        .max(64)
        .optional()
        .describe(
          'Voters of the controller quorum as it is configured; left out by those who do not ask for metadata.',
        ),
    })
    .describe('Set when a node of the cluster connects; null for clients.')
    .nullable(),
});

const response = z.object({
  clusterId: name('Id of the cluster; null: the node has not joined one yet.').nullable(),
  nodeId: natural('Node that answers.'),
  softwareVersion: name('Version of the node.'),
  apis: z
    .array(
      z.object({
        key: natural('Api key.').max(65_535),
        min: natural('Oldest version served.').max(255),
        max: natural('Newest version served.').max(255),
      }),
    )
    .max(1024)
    .describe('What this listener serves.'),
  maxFrameBytes: natural('Longest frame accepted.'),
  maxBatchBytes: natural('Longest record batch accepted by default; a topic may set its own.'),
});

export const helloApi = defineApi({
  key: 18,
  name: 'Hello',
  text: 'Opens a connection: identities, limits and the versions of every API.',
  versions: [{ version: 0, why: 'First version; must stay readable for ever.' }],
  listener: 'client',
  alsoInternal: true,
  request,
  response,
});

/** Who a node says it is when it connects to another. */
export type NodeCredentials = NonNullable<HelloRequest['node']>;
export type HelloRequest = RequestOf<typeof helloApi>;
export type HelloResponse = ResponseOf<typeof helloApi>;
