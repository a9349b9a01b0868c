/** The partitions that a new or growing topic gets: how many are allowed, where they go, who leads. */
import { protocolError } from '@millrace/protocol';
import type { BrokerImage, MetadataImage, PartitionImage } from '../image/metadata-image.js';
import type { ControllerPolicy } from './controller-policy.js';
import { effectiveMinInsyncReplicas } from './partition-transition.js';
import { type PlacementLoad, placeReplicas } from './place-replicas.js';

export interface NewPartitions {
  /** Index of the first new one. */
  readonly from: number;
  readonly count: number;
  readonly replicationFactor: number;
  /** The topic's setting. */
  readonly minInsyncReplicas: number;
}

/** Throws `POLICY_VIOLATION` beyond the limits of the cluster or of one request. */
export function checkPartitionLimits(
  image: MetadataImage,
  wanted: { readonly count: number; readonly inThisRequest: number },
  policy: ControllerPolicy,
): void {
  const perRequest = policy.settings['max.partitions.per.request'];
  if (wanted.inThisRequest + wanted.count > perRequest) {
    throw protocolError(
      'POLICY_VIOLATION',
      `The request creates more than ${perRequest} partitions (max.partitions.per.request).`,
    );
  }
  const perCluster = policy.settings['max.partitions.per.cluster'];
  if (image.partitionCount + wanted.count > perCluster) {
    throw protocolError(
      'POLICY_VIOLATION',
      `The cluster has ${image.partitionCount} partitions; ${wanted.count} more would be above its limit of ${perCluster} ` +
        '(max.partitions.per.cluster).',
    );
  }
}

/** Throws `INVALID_REPLICATION_FACTOR` when there are not enough brokers. */
export function newPartitions(
  image: MetadataImage,
  { from, count, replicationFactor, minInsyncReplicas: setting }: NewPartitions,
): PartitionImage[] {
  const usable = usableBrokers(image);
  if (usable.length < replicationFactor) {
    throw protocolError(
      'INVALID_REPLICATION_FACTOR',
      `Replication factor ${replicationFactor} needs ${replicationFactor} brokers, but the cluster has ${usable.length}.`,
    );
  }
  if (!usable.some(({ state }) => state === 'active')) {
    throw protocolError(
      'INVALID_REPLICATION_FACTOR',
      'No broker is active at the moment: new partitions would have no leader.',
    );
  }
  const isActive = (nodeId: number): boolean => image.brokers.get(nodeId)?.state === 'active';
  const brokers = usable.map(({ nodeId, rack, hostLabel }) => ({
    ...{ nodeId, rack, hostLabel },
    isActive: isActive(nodeId),
  }));
  const placed = placeReplicas({ brokers, load: loadOf(image), partitions: count, replicationFactor });
  const minInsyncReplicas = effectiveMinInsyncReplicas(setting, replicationFactor);
  const fresh = { leaderEpoch: 0, partitionEpoch: 0, elr: [], adding: [], removing: [], minInsyncReplicas };
  return placed.map((replicas, index) => {
    const isr = replicas.filter(isActive);
    const [leader = -1] = isr;
    return { ...fresh, partition: from + index, leader, replicas, isr };
  });
}

/** Brokers that replicas can be placed on, by node id. */
export function usableBrokers(image: MetadataImage): BrokerImage[] {
  return [...image.brokers.values()]
    .filter(({ roles, state }) => roles.includes('broker') && state !== 'shutting-down')
    .sort((a, b) => a.nodeId - b.nodeId);
}

export function loadOf(image: MetadataImage): PlacementLoad {
  const replicas = new Map<number, number>();
  const leaders = new Map<number, number>();
  // With one broker there is nothing to balance, and a single node may create very many topics one by one.
  if (image.brokers.size === 1) return { replicas, leaders };
  for (const topic of image.topics()) {
    for (const partition of topic.partitions) {
      for (const replica of partition.replicas) replicas.set(replica, (replicas.get(replica) ?? 0) + 1);
      const [preferred] = partition.replicas;
      if (preferred !== undefined) leaders.set(preferred, (leaders.get(preferred) ?? 0) + 1);
    }
  }
  return { replicas, leaders };
}
