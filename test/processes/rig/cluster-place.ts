/** Where the nodes of a cluster run: their addresses, their disks, and the command that starts one there. */
import { join } from 'node:path';
import { freePorts } from './free-ports.js';

export interface ClusterPlace {
  readonly client: (nodeId: number) => string;
  /** The address that clients are told, when that is another one than where the node listens. */
  readonly advertisedClient?: (nodeId: number) => string;
  readonly internal: (nodeId: number) => string;
  readonly http: (nodeId: number) => string;
  /** The address of a node's internal listener, as another node is told it. */
  readonly internalSeenFrom: (from: number, nodeId: number) => string;
  readonly dataDir: (nodeId: number) => string;
  /** Goes before the command that starts a node. */
  readonly prefix: (nodeId: number) => readonly string[];
}

/** All on this machine's loopback interface, each on ports of its own. */
export async function loopbackPlace(directory: string, nodeIds: readonly number[]): Promise<ClusterPlace> {
  const ports = await freePorts(3 * nodeIds.length);
  const address = (nodeId: number, listener: number): string =>
    `127.0.0.1:${ports[3 * nodeIds.indexOf(nodeId) + listener] ?? 0}`;
  return {
    client: (nodeId) => address(nodeId, 0),
    internal: (nodeId) => address(nodeId, 1),
    http: (nodeId) => address(nodeId, 2),
    internalSeenFrom: (_, nodeId) => address(nodeId, 1),
    dataDir: (nodeId) => join(directory, `node-${nodeId}`),
    prefix: () => [],
  };
}
