/**
 * Hello: opens a connection. A peer that expects another cluster is refused before anything else, and on the internal
 * listener so is one that does not say which node it is. What is listed as served is what has a handler, not all that the
 * protocol knows.
 */
import {
  type ApiListener,
  helloApi,
  type HelloRequest,
  type NodeCredentials,
  protocolError,
  servedVersions,
} from '@millrace/protocol';
import { type AnyHandler, handlerOf } from '../request.js';

/** Who answers. */
export interface HelloIdentity {
  /** Null: this node has not joined a cluster yet. */
  readonly clusterId: () => string | null;
  readonly nodeId: number;
  readonly softwareVersion: string;
  readonly maxFrameBytes: number;
  readonly maxBatchBytes: number;
  readonly isServed: (apiKey: number) => boolean;
  /** Throws why a node of the cluster is not let in. */
  readonly admit?: ((node: NodeCredentials) => void) | undefined;
  /** A node of the cluster was let in. */
  readonly onNode?: ((node: NodeCredentials) => void) | undefined;
}

export function helloHandler(identity: HelloIdentity): AnyHandler {
  return handlerOf(helloApi, (request, { connection }) => {
    const { nodeId, softwareVersion, maxFrameBytes, maxBatchBytes, isServed } = identity;
    const clusterId = identity.clusterId();
    for (const expected of [request.clusterId, request.node?.clusterId ?? null]) requireCluster(clusterId, expected);
    requirePeer(connection.listener, request);
    const node = connection.listener === 'internal' ? request.node : null;
    if (node !== null) identity.admit?.(node);
    connection.acceptHello(node);
    if (node !== null) identity.onNode?.(node);
    return {
      body: {
        clusterId,
        nodeId,
        softwareVersion,
        apis: servedVersions(connection.listener).filter(({ key }) => isServed(key)),
        maxFrameBytes,
        maxBatchBytes,
      },
    };
  });
}

function requireCluster(clusterId: string | null, expected: string | null): void {
  if (expected === null || clusterId === null || expected === clusterId) return;
  throw protocolError(
    'INCONSISTENT_CLUSTER_ID',
    `This node belongs to cluster ${clusterId}, not to the one expected: check the address.`,
  );
}

function requirePeer(listener: ApiListener, { node }: HelloRequest): void {
  if (listener === 'client' || node !== null) return;
  throw protocolError(
    'CLUSTER_AUTHORIZATION_FAILED',
    'This is the internal listener, for nodes of the cluster: clients connect to the client listener (7400 by default).',
  );
}
