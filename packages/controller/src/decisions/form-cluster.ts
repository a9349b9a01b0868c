/** The first decision of a cluster's life gives it its id. Any later one finds the id there, or finds another cluster. */
import { protocolError } from '@millrace/protocol';
import type { Decision } from '@millrace/state-machine';
import type { MetadataImage } from '../image/metadata-image.js';
import type { MetadataRecord } from '../image/metadata-record.js';

export interface FormClusterCommand {
  readonly kind: 'form-cluster';
  /** The id to give when there is none yet. */
  readonly clusterId: string;
  /** Whether the cluster must be the one of this id. */
  readonly isExpected: boolean;
}

export interface FormClusterReply {
  readonly clusterId: string;
}

export function formCluster(
  image: MetadataImage,
  command: FormClusterCommand,
): Decision<MetadataRecord, FormClusterReply> {
  const { clusterId, isExpected } = command;
  if (image.clusterId === undefined) {
    return { entries: [{ type: 'cluster', version: 0, clusterId }], reply: { clusterId } };
  }
  if (isExpected && image.clusterId !== clusterId) {
    throw protocolError(
      'INCONSISTENT_CLUSTER_ID',
      `The metadata belongs to cluster ${image.clusterId}, not to ${clusterId}: this is the data directory of another cluster.`,
    );
  }
  return { entries: [], reply: { clusterId: image.clusterId } };
}
