/** What a partition is made of, and what it asks of the node around it. */
import type { Clock, Logger } from '@millrace/base';
import type { PartitionLog } from '@millrace/storage';
import type { EndOfTurn } from './end-of-turn.js';
import type { CommittedInSyncSet, InSyncProposal } from './in-sync-set.js';
import type { EligibleBrokerEpoch, Leadership } from './leadership.js';
import type { Partition } from './partition.js';
import type { Durability } from './replica-progress.js';
import type { SyncSchedule } from './sync-schedule.js';

/** What the topic's settings mean to it, beyond the log's own. */
export interface PartitionPolicy {
  readonly durability: Durability;
  /** Bytes a second to replicas that are not in sync; undefined: no limit. */
  readonly leaderRate?: number | undefined;
  /** The same for what this node fetches while it is not. */
  readonly followerRate?: number | undefined;
}

/** This node follows: one object for each leader epoch, to be held against what comes back later. */
export interface Following {
  readonly leader: number;
  readonly leaderEpoch: number;
}

/** Where changes of in-sync sets go. */
export interface InSyncChanges {
  readonly eligibleEpoch: EligibleBrokerEpoch;
  /** False while it is too early to ask again for this partition. */
  mayPropose(partition: Partition): boolean;
  submit(partition: Partition, leadership: Leadership, proposal: InSyncProposal): void;
}

/** What the partitions of a node share. */
export interface PartitionHost {
  readonly nodeId: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly syncs: SyncSchedule;
  /** Wakes followers' fetches. */
  readonly wakes: EndOfTurn;
  readonly inSyncChanges: InSyncChanges;
  /** `replica.lag.time.max.ms`: how far behind a follower may be and still belong to those in sync. */
  readonly replicaLagMaxMs: number;
  /** What a follower has synced has grown, or its log starts later. */
  readonly onReplicaMoved: (partition: Partition) => void;
  readonly onInSyncSetChanged: (before: number, after: number) => void;
}

export interface PartitionOptions {
  readonly host: PartitionHost;
  readonly topicId: string;
  readonly topicName: string;
  readonly index: number;
  readonly log: PartitionLog;
  readonly policy: PartitionPolicy;
  /** As known before the last stop. */
  readonly highWatermark: number;
}

/** How the controller answered. */
export type ProposalOutcome =
  | { readonly kind: 'accepted'; readonly leaderEpoch: number; readonly inSync: CommittedInSyncSet }
  | { readonly kind: 'refused' }
  | { readonly kind: 'unknown' };
