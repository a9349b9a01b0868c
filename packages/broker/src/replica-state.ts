/** What one replica on this node is, for whoever watches from outside: checks, diagnostics. */
import type { Partition } from './partition/partition.js';

export interface ReplicaState {
  readonly topicId: string;
  readonly topic: string;
  readonly partition: number;
  readonly role: 'leader' | 'follower' | 'none';
  readonly leaderEpoch: number;
  readonly logStartOffset: number;
  readonly highWatermark: number;
  readonly syncedEndOffset: number;
  readonly endOffset: number;
  readonly isOffline: boolean;
  /** Of a leader, else undefined. */
  readonly leadership: LeadershipState | undefined;
}

export interface LeadershipState {
  readonly epochStartOffset: number;
  readonly partitionEpoch: number;
  readonly isr: readonly number[];
  /** All that may be in the in-sync set. */
  readonly maximalIsr: readonly number[];
}

export function replicaState(partition: Partition): ReplicaState {
  const { topicId, topicName, index, leaderEpoch, leadership, following, highWatermark, isOffline, log } = partition;
  return {
    topicId,
    topic: topicName,
    partition: index,
    role: leadership !== undefined ? 'leader' : following !== undefined ? 'follower' : 'none',
    leaderEpoch,
    logStartOffset: log.startOffset,
    highWatermark,
    syncedEndOffset: log.syncedEndOffset,
    endOffset: log.endOffset,
    isOffline,
    leadership: leadership && {
      epochStartOffset: leadership.epochStartOffset,
      partitionEpoch: leadership.inSync.partitionEpoch,
      isr: leadership.inSync.isr,
      maximalIsr: leadership.inSync.maximal,
    },
  };
}
