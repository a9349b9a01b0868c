export { entryEnd, entrySizeBytes, type EntryKind, type RaftEntry } from './entry.js';
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
export {
  RaftDriver,
  type Leadership,
  type RaftDriverOptions,
  type RaftListener,
  type RaftRole,
} from './driver/raft-driver.js';
export type { DurableState, HardState, RaftStorage, StoredSnapshot } from './driver/raft-storage.js';
export type { RaftTransport } from './driver/raft-transport.js';
