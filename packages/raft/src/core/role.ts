/** The roles of a replica, each with what it must remember while it has it. */
import type { SnapshotMessage } from '../messages.js';
import type { ReplicaKey } from '../replica.js';
import type { Progress } from './progress.js';

export type Role = FollowerRole | ProspectiveRole | CandidateRole | LeaderRole;

/** Follows a leader or waits for one. Without a vote it is an observer: it asks for the log instead of campaigning. */
export interface FollowerRole {
  readonly kind: 'follower';
  /** The leader of the present term, once heard of. */
  leader: ReplicaKey | undefined;
  /** When the leader was last heard; -Infinity: never. */
  heardMs: number;
  /** When to campaign, or as an observer to ask. */
  deadlineMs: number;
  /** A snapshot that arrives from this leader. */
  receiving: Receiving | undefined;
  /** As an observer: who was said to lead. */
  hint: ReplicaKey | undefined;
}

export interface Receiving {
  readonly position: number;
  nextOffset: number;
  /** All of it was written; it takes the place of the log when the change `token` is synced. */
  whole: { readonly message: SnapshotMessage; readonly token: number } | undefined;
}

/** Asks whether it would be elected (pre-vote). */
export interface ProspectiveRole {
  readonly kind: 'prospective';
  readonly granted: Set<string>;
  readonly refused: Set<string>;
  readonly deadlineMs: number;
}

/** Asks for votes in the present term, which it opened. */
export interface CandidateRole {
  readonly kind: 'candidate';
  readonly granted: Set<string>;
  readonly refused: Set<string>;
  deadlineMs: number;
  /** Its own vote counts when this change is synced. */
  readonly voteToken: number;
}

export interface LeaderRole {
  readonly kind: 'leader';
  /** Every replica that follows, voter or not, by `replicaName`. Not the leader itself. */
  readonly followers: Map<string, Progress>;
  /** Position of the term's first entry: the leader may rely on being a leader once it is committed past it. */
  readonly termStart: number;
  heartbeatMs: number;
  /** How far its own disk was at the last tick that found it further, or with nothing to do; and when. */
  syncedToken: number;
  syncedMs: number;
  /** Number of the last round of messages sent to all. */
  round: number;
  /** Whether proposals wait for a `flush`. */
  isUnflushed: boolean;
  /** Size of the entries that are not committed. */
  uncommittedBytes: number;
  readonly reads: PendingRead[];
  addition: PendingAddition | undefined;
  change: PendingChange | undefined;
  transfer: PendingTransfer | undefined;
}

export interface PendingRead {
  readonly id: number;
  /** A majority must answer this round or a later one. */
  readonly round: number;
  /** And this must be committed. */
  readonly position: number;
}

/** A voter to be, which must have the log first: it would otherwise hold up commits until it had. */
export interface PendingAddition {
  readonly id: number;
  readonly replica: ReplicaKey;
  readonly deadlineMs: number;
  /** The end of the log when the present round of catching up began. */
  target: number;
  roundMs: number;
}

/** A membership entry that is not committed. */
export interface PendingChange {
  readonly id: number;
  readonly position: number;
}

export interface PendingTransfer {
  readonly id: number;
  readonly to: ReplicaKey;
  readonly deadlineMs: number;
  isAsked: boolean;
}
