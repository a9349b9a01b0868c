import type { PartitionImage } from '@millrace/controller/image';

/** Partition 0 with the leader and in-sync set that come first among its replicas, unless said otherwise. */
export function partitionImage(change: Partial<PartitionImage> = {}): PartitionImage {
  const replicas = change.replicas ?? [1];
  const epochs = { leaderEpoch: 0, partitionEpoch: 0 };
  const still = { elr: [], adding: [], removing: [], minInsyncReplicas: 1 };
  return { partition: 0, leader: replicas[0] ?? -1, ...epochs, replicas, isr: replicas, ...still, ...change };
}
