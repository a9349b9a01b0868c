import type { PartitionImage } from './metadata-image.js';
import type { KnownMetadataRecord } from './metadata-record.js';

/** The record that a list of new or changed partitions of one topic is written as. */
export function partitionsRecord(topicId: string, partitions: readonly PartitionImage[]): KnownMetadataRecord {
  return {
    type: 'partitions',
    version: 0,
    topicId,
    partitions: partitions.map(({ partition, leader, leaderEpoch, partitionEpoch, replicas, isr, elr }) => ({
      partition,
      leader,
      leaderEpoch,
      partitionEpoch,
      replicas: [...replicas],
      isr: [...isr],
      elr: [...elr],
    })),
  };
}
