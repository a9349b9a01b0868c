/**
 * Elections.
 *
 * A pre-vote comes first: a replica that cannot win, because its log is behind or because the others hear a leader,
 * learns so without raising the term and unseating anybody. For the same reason a voter that hears a leader does not
 * even look at a request for a vote, unless that leader asked for it (transfer).
 *
 * A vote is on disk before anybody hears of it, the candidate's own too: it would otherwise be given twice in one term.
 */
import type { VoteAnswer, VoteMessage } from '../messages.js';
import { isSameReplica } from '../replica.js';
import { Progress } from './progress.js';
import type { RaftState } from './raft-state.js';
import type { CandidateRole, FollowerRole, LeaderRole, ProspectiveRole } from './role.js';
import { broadcastHeartbeat } from './send-append.js';
import { becomeFollower } from './step-down.js';
import { entrySizeBytes } from '../entry.js';

/** Of an election timeout: those who know at the same time that the leader is gone campaign so far apart. */
const spreadFraction = 0.15;
/**
 * A pre-vote that found no majority is asked again much sooner than after an election timeout: it disturbs nobody, and
 * those who were loyal to a leader that is gone learn of it one after the other. A vote waits longer: it costs syncs.
 */
const preVoteFraction = 0.2;
const voteFraction = 0.5;
const refusedFraction = 0.05;

/** An election timeout has passed. */
export function campaign(state: RaftState): void {
  if (state.hasDefect('noPreVote')) becomeCandidate(state, false);
  else becomeProspective(state);
}

/**
 * The leader's process has ended: this replica campaigns soon, and is loyal to it no longer. When that was wrong, pre-vote
 * keeps the leader in place as long as a majority hears it, and the next sign of it ends all this.
 */
export function onLeaderGone(state: RaftState, role: FollowerRole): void {
  role.heardMs = -Infinity;
  role.deadlineMs = Math.min(
    role.deadlineMs,
    state.nowMs + spreadFraction * state.settings.electionTimeoutMs * state.moment.draw,
  );
}

export function becomeCandidate(state: RaftState, isTransfer: boolean): void {
  state.saveHardState(state.term + 1, state.self);
  state.role = {
    kind: 'candidate',
    granted: new Set(),
    refused: new Set(),
    deadlineMs: state.drawDeadlineMs(voteFraction),
    voteToken: state.durability.token,
  };
  askForVotes(state, { isPreVote: false, isTransfer });
  if (state.hasDefect('voteBeforePersist')) countOwnVote(state, state.role);
}

/** The disk has caught up. */
export function onCandidateSynced(state: RaftState, role: CandidateRole): void {
  if (role.voteToken <= state.durability.syncedToken) countOwnVote(state, role);
}

/** Whether a request for a vote is dropped because a leader is there. */
export function isLoyal(state: RaftState, message: VoteMessage): boolean {
  const { role } = state;
  if (message.isTransfer || state.hasDefect('noPreVote')) return false;
  if (role.kind === 'leader') return message.term > state.term;
  return role.kind === 'follower' && state.nowMs - role.heardMs < state.settings.electionTimeoutMs;
}

/** The message's term is this replica's, or for a pre-vote possibly higher. */
export function onVote(state: RaftState, message: VoteMessage): void {
  const { role, log } = state;
  const isFree =
    isSameReplica(state.vote, message.from) ||
    (state.vote === undefined && (role.kind !== 'follower' || role.leader === undefined)) ||
    (message.isPreVote && message.term > state.term);
  const isUpToDate = message.lastTerm > log.lastTerm || (message.lastTerm === log.lastTerm && message.end >= log.end);
  const isGranted = isFree && isUpToDate && role.kind !== 'leader';
  if (isGranted && !message.isPreVote) {
    if (state.vote === undefined) state.saveHardState(state.term, message.from);
    // Whoever gives a vote gives the candidate time to win.
    if (role.kind === 'follower') role.deadlineMs = state.drawDeadlineMs();
  }
  answerVote(state, message, isGranted);
}

export function refuseVote(state: RaftState, message: VoteMessage): void {
  answerVote(state, message, false);
}

export function onVoteAnswer(state: RaftState, message: VoteAnswer): void {
  const { role } = state;
  if (role.kind !== (message.isPreVote ? 'prospective' : 'candidate')) return;
  if (!state.isMember(message.from)) return;
  if (message.isPreVote && message.isGranted && message.term !== state.term + 1) return;
  (message.isGranted ? role.granted : role.refused).add(state.nameOf(message.from));
  // Two that campaigned at once refuse each other, and neither may have a third to win by: not long until the next try.
  if (!message.isGranted && role.kind === 'candidate') {
    role.deadlineMs = Math.min(role.deadlineMs, state.drawDeadlineMs(refusedFraction, 3));
  }
  countVotes(state, role);
}

function becomeProspective(state: RaftState): void {
  const role: ProspectiveRole = {
    kind: 'prospective',
    granted: new Set([state.nameOf(state.self)]),
    refused: new Set(),
    deadlineMs: state.drawDeadlineMs(preVoteFraction),
  };
  state.role = role;
  askForVotes(state, { isPreVote: true, isTransfer: false });
  countVotes(state, role);
}

function askForVotes(state: RaftState, how: { readonly isPreVote: boolean; readonly isTransfer: boolean }): void {
  for (const voter of state.peers()) {
    state.send({
      ...state.address(voter),
      ...how,
      type: 'vote',
      term: how.isPreVote ? state.term + 1 : state.term,
      end: state.log.end,
      lastTerm: state.log.lastTerm,
    });
  }
}

function answerVote(state: RaftState, message: VoteMessage, isGranted: boolean): void {
  state.send({
    ...state.address(message.from),
    type: 'voteAnswer',
    term: isGranted ? message.term : state.term,
    isPreVote: message.isPreVote,
    isGranted,
  });
}

function countOwnVote(state: RaftState, role: CandidateRole): void {
  role.granted.add(state.nameOf(state.self));
  countVotes(state, role);
}

function countVotes(state: RaftState, role: ProspectiveRole | CandidateRole): void {
  const votes = (names: ReadonlySet<string>): number =>
    state.members.voters.filter((voter) => names.has(state.nameOf(voter))).length;
  if (votes(role.granted) >= state.majority) {
    if (role.kind === 'prospective') becomeCandidate(state, false);
    else becomeLeader(state);
  } else if (votes(role.refused) >= state.majority) {
    becomeFollower(state, state.term, undefined);
  }
}

function becomeLeader(state: RaftState): void {
  const leader: LeaderRole = {
    kind: 'leader',
    followers: new Map(),
    termStart: state.log.end,
    heartbeatMs: state.nowMs + state.settings.heartbeatIntervalMs,
    syncedToken: state.durability.syncedToken,
    syncedMs: state.nowMs,
    round: 0,
    isUnflushed: false,
    uncommittedBytes: 0,
    reads: [],
    addition: undefined,
    change: undefined,
    transfer: undefined,
  };
  state.role = leader;
  for (const voter of state.peers()) {
    leader.followers.set(state.nameOf(voter), new Progress(voter, state.log.end, state.nowMs));
  }
  // Lets everything before it be committed: entries of earlier terms do not count alone.
  state.appendOwn('term', [new Uint8Array(0)]);
  for (const entry of state.log.entries(state.commit)) leader.uncommittedBytes += entrySizeBytes(entry);
  broadcastHeartbeat(state, leader);
}
