/**
 * What replicas tell each other. Plain data: a transport may encode a message as a map and append the bytes (records of
 * `append`, chunk of `snapshot`) as they are. Messages may be lost, doubled, late and out of order.
 *
 * Every message names sender and receiver with their directory ids. A receiver drops what is meant for another
 * directory under its id: a voter that lost its disk must not answer for the one it was.
 *
 * `term` is the sender's term, except in a `vote` of kind pre-vote and its granting answer, where it is the term the
 * sender would go to.
 */
import type { RaftEntry } from './entry.js';
import type { ReplicaKey } from './replica.js';
import type { SnapshotDescription } from './snapshot.js';

export type RaftMessage =
  | VoteMessage
  | VoteAnswer
  | AppendMessage
  | AppendAnswer
  | SnapshotMessage
  | SnapshotAnswer
  | FollowMessage
  | FollowAnswer
  | CampaignMessage;

interface Addressed {
  readonly from: ReplicaKey;
  readonly to: ReplicaKey;
  readonly term: number;
}

/** A replica asks for a vote, or (pre-vote) whether it would get one: an answer to that binds nobody. */
export interface VoteMessage extends Addressed {
  readonly type: 'vote';
  readonly isPreVote: boolean;
  /** The leader itself asked the sender to campaign: a voter that hears that leader need not be loyal to it. */
  readonly isTransfer: boolean;
  /** End of the sender's log, and the term of its last entry: a voter refuses a log behind its own. */
  readonly end: number;
  readonly lastTerm: number;
}

/** Yes, or no. A refusal carries the refuser's own term, so that a candidate of the past learns of the present. */
export interface VoteAnswer extends Addressed {
  readonly type: 'voteAnswer';
  readonly isPreVote: boolean;
  readonly isGranted: boolean;
}

/**
 * The leader's entries from `previousPosition` on; without entries, a sign of life. The receiver takes them when
 * its log has an entry of `previousTerm` that ends at `previousPosition`.
 */
export interface AppendMessage extends Addressed {
  readonly type: 'append';
  readonly previousPosition: number;
  readonly previousTerm: number;
  readonly entries: readonly RaftEntry[];
  /** Everything before this is committed, as far as the receiver has it. */
  readonly commit: number;
  /** Number of the leader's last round of messages; comes back in the answer and proves that the answer is younger. */
  readonly round: number;
}

export interface AppendAnswer extends Addressed {
  readonly type: 'appendAnswer';
  readonly isAccepted: boolean;
  readonly round: number;
  /** The `previousPosition` this answers. */
  readonly previousPosition: number;
  /** Accepted: the sender's log equals the leader's before this position, synced. Refused: 0. */
  readonly matched: number;
  /** Refused: the last place that may match, so that the leader goes back by terms and not by entries. */
  readonly hintPosition: number;
  readonly hintTerm: number;
}

/** A piece of the leader's snapshot, for a follower that needs entries which the leader no longer has. */
export interface SnapshotMessage extends Addressed {
  readonly type: 'snapshot';
  readonly snapshot: SnapshotDescription;
  /** Where `chunk` begins within the snapshot. */
  readonly offset: number;
  readonly chunk: Uint8Array;
  readonly round: number;
}

/** Which byte of which snapshot the follower needs next; everything before is synced. */
export interface SnapshotAnswer extends Addressed {
  readonly type: 'snapshotAnswer';
  /** The `position` of the snapshot. */
  readonly position: number;
  readonly nextOffset: number;
  readonly round: number;
}

/**
 * A replica that is no voter asks to be sent the log. `to.directoryId` is empty when it knows only a node id;
 * this is the one message that is taken then.
 */
export interface FollowMessage extends Addressed {
  readonly type: 'follow';
  readonly end: number;
  readonly lastTerm: number;
}

/** "Not the leader": whom to ask instead, if known. */
export interface FollowAnswer extends Addressed {
  readonly type: 'followAnswer';
  readonly leader: ReplicaKey | null;
}

/** The leader hands over: the receiver has the whole log and campaigns at once. */
export interface CampaignMessage extends Addressed {
  readonly type: 'campaign';
}
