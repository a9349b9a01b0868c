import type { PartitionImage } from '@millrace/controller/image';

/** A copy whose lists may be changed, as a record holds them. */
type OwnPartition = { -readonly [Key in keyof PartitionImage]: PartitionImage[Key] extends number ? number : number[] };

/** Partition 0 with the leader and in-sync set that come first among its replicas, unless said otherwise. */
export function partitionImage(change: Partial<PartitionImage> = {}): OwnPartition {
  const replicas = change.replicas ?? [1];
  const epochs = { leaderEpoch: 0, partitionEpoch: 0 };
  const still = { elr: [], adding: [], removing: [], minInsyncReplicas: 1 };
  const image: PartitionImage = {
    partition: 0,
    leader: replicas[0] ?? -1,
    ...epochs,
    replicas,
    isr: replicas,
    ...still,
    ...change,
  };
  return structuredClone(image) as OwnPartition;
}
