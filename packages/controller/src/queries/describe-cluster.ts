import type { DescribeClusterResponse } from '@millrace/protocol';
import type { MetadataImage } from '../image/metadata-image.js';

export function describeCluster(image: MetadataImage, controllerId: number): DescribeClusterResponse {
  return {
    clusterId: image.clusterId ?? '',
    controllerId,
    metadataOffset: image.position - 1,
    nodes: [...image.brokers.values()]
      .sort((a, b) => a.nodeId - b.nodeId)
      .map(({ nodeId, roles, rack, hostLabel, host, port, state }) => ({
        nodeId,
        roles,
        rack,
        hostLabel,
        host,
        port,
        state,
      })),
  };
}
