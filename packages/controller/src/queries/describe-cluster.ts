import type { DescribeClusterResponse } from '@millrace/protocol';
import type { MetadataImage } from '../image/metadata-image.js';

export interface ControllerNodes {
  readonly controllerId: number;
  /** Voters of the quorum; none, on a node alone. */
  readonly voterIds: readonly number[];
  readonly isConnected: (nodeId: number) => boolean;
}

/** Brokers as they are registered, and the voters that are no brokers: of those only the controller knows. */
export function describeCluster(
  image: MetadataImage,
  { controllerId, voterIds, isConnected }: ControllerNodes,
): DescribeClusterResponse {
  const brokers = [...image.brokers.values()].map(({ nodeId, roles, rack, hostLabel, host, port, state }): Node => ({
    nodeId,
    roles,
    rack,
    hostLabel,
    host,
    port,
    state,
  }));
  const controllers = voterIds
    .filter((nodeId) => !image.brokers.has(nodeId))
    .map((nodeId): Node => {
      const state = nodeId === controllerId || isConnected(nodeId) ? 'active' : 'fenced';
      return { nodeId, roles: ['controller'], rack: null, hostLabel: null, host: '', port: 0, state };
    });
  return {
    clusterId: image.clusterId ?? '',
    controllerId,
    metadataOffset: image.position - 1,
    nodes: [...brokers, ...controllers].sort((a, b) => a.nodeId - b.nodeId),
  };
}

type Node = DescribeClusterResponse['nodes'][number];
