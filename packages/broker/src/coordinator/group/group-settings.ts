/** What groups can be told: plain numbers, checked by whoever makes them. */
import type { InternalTopicSettings } from '../host/internal-topic.js';

export interface GroupSettings {
  readonly topic: InternalTopicSettings;
  /** A member that is silent for so long is put out. */
  readonly sessionTimeoutMs: number;
  /** How often members send a heartbeat, and how long one is held at most. */
  readonly heartbeatIntervalMs: number;
  /** How often it is looked at whose time is over. */
  readonly tickMs: number;
  readonly maxMembers: number;
  readonly offsetsRetentionMs: number;
  readonly offsetsCheckMs: number;
  readonly maxOffsetMetadataBytes: number;
  /** Commands of one partition that may wait for their commit. */
  readonly maxPending: number;
}

export const defaultGroupSettings: GroupSettings = {
  topic: {
    name: '__consumer_offsets',
    partitions: 16,
    replicationFactor: -1,
    minBrokers: 1,
    segmentBytes: 100 * 1024 * 1024,
    maxBatchBytes: 8 * 1024 * 1024,
  },
  sessionTimeoutMs: 45_000,
  heartbeatIntervalMs: 5_000,
  tickMs: 250,
  maxMembers: 10_000,
  offsetsRetentionMs: 7 * 24 * 60 * 60 * 1000,
  offsetsCheckMs: 10 * 60 * 1000,
  maxOffsetMetadataBytes: 4096,
  maxPending: 10_000,
};
