export type { DurableState, HardState, StoredSnapshot } from './durable-state.js';
export { entryEnd, entrySizeBytes, type EntryKind, type RaftEntry } from './entry.js';
export type { Leadership, RaftRole } from './leadership.js';
export { decodeMembership, encodeMembership, membership, noMembership, type Membership } from './membership.js';
export type {
  AppendAnswer,
  AppendMessage,
  CampaignMessage,
  FollowAnswer,
  FollowMessage,
  RaftMessage,
  SnapshotAnswer,
  SnapshotMessage,
  VoteAnswer,
  VoteMessage,
} from './messages.js';
export { isSameReplica, replicaKey, replicaName, type ReplicaKey } from './replica.js';
export { defaultRaftSettings, raftSettings, type RaftSettings } from './settings.js';
export type { LogStart, SnapshotDescription } from './snapshot.js';
export { RaftDriver, type RaftDriverOptions, type RaftListener } from './driver/raft-driver.js';
export type { RaftStorage } from './driver/raft-storage.js';
export type { RaftTransport } from './driver/raft-transport.js';
