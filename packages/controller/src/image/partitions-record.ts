import type { PartitionImage } from './metadata-image.js';
import type { KnownMetadataRecord } from './metadata-record.js';

/** The record that a list of new or changed partitions of one topic is written as. */
export function partitionsRecord(topicId: string, partitions: readonly PartitionImage[]): KnownMetadataRecord {
  return {
    type: 'partitions',
    version: 0,
    topicId,
    // Field by field: snapshots of equal images are equal bytes, whatever order these were set in.
    partitions: partitions.map((one) => ({
      partition: one.partition,
      leader: one.leader,
      leaderEpoch: one.leaderEpoch,
      partitionEpoch: one.partitionEpoch,
      replicas: [...one.replicas],
      isr: [...one.isr],
      elr: [...one.elr],
      adding: [...one.adding],
      removing: [...one.removing],
      minInsyncReplicas: one.minInsyncReplicas,
    })),
  };
}
