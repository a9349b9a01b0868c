/**
 * Leader: adds and removes voters, one at a time.
 *
 *     add:     the replica follows as an observer -> it has caught up -> entry with it appended -> committed
 *     remove:  entry without it appended -> committed -> a leader that removed itself steps down
 *
 * Memberships that differ by one voter share a voter in any two majorities, so the change needs no second phase. That
 * holds only between neighbours: a change waits for the one before to be committed, and for an entry of the leader's own
 * term to be. Otherwise two leaders could each build on a change that the other never saw.
 */
import { MillraceError } from '@millrace/base';
import { entryEnd, entrySizeBytes } from '../entry.js';
import { encodeMembership, type Membership, membership } from '../membership.js';
import { isSameReplica, type ReplicaKey, replicaName } from '../replica.js';
import { hasOwnCommit } from './commit.js';
import { Progress } from './progress.js';
import type { RaftState } from './raft-state.js';
import type { LeaderRole } from './role.js';
import { broadcast } from './send-append.js';
import { becomeFollower } from './step-down.js';

export function requestAddition(state: RaftState, leader: LeaderRole, id: number, replica: ReplicaKey): void {
  const refusal = refuseChange(state, leader) ?? refuseAddition(state, leader, replica);
  if (refusal !== undefined) {
    state.answers.push({ id, error: refusal });
    return;
  }
  leader.addition = {
    id,
    replica,
    deadlineMs: state.nowMs + state.settings.catchUpTimeoutMs,
    target: state.log.end,
    roundMs: state.nowMs,
  };
  continueAddition(state, leader);
}

export function requestRemoval(state: RaftState, leader: LeaderRole, id: number, replica: ReplicaKey): void {
  const { voters } = state.members;
  const rest = voters.filter((voter) => !isSameReplica(voter, replica));
  const refusal =
    refuseChange(state, leader) ??
    (rest.length === voters.length
      ? new MillraceError('VOTER_NOT_FOUND', `${replicaName(replica)} is not a voter; nothing was removed.`)
      : undefined) ??
    (rest.length === 0
      ? new MillraceError('INVALID_REQUEST', `${replicaName(replica)} is the last voter; add another one first.`)
      : undefined);
  if (refusal !== undefined) state.answers.push({ id, error: refusal });
  else appendChange(state, leader, id, membership(rest));
}

/** After each answer of a follower and at each heartbeat. */
export function continueAddition(state: RaftState, leader: LeaderRole): void {
  const { addition } = leader;
  if (addition === undefined) return;
  const progress = leader.followers.get(state.nameOf(addition.replica));
  if (progress === undefined || state.nowMs >= addition.deadlineMs) {
    leader.addition = undefined;
    const error = new MillraceError(
      'REQUEST_TIMED_OUT',
      `${replicaName(addition.replica)} did not catch up with the log in time and was not added as a voter.`,
      { retriable: true },
    );
    state.answers.push({ id: addition.id, error });
    return;
  }
  if (progress.matched < addition.target) return;
  if (state.nowMs - addition.roundMs >= state.settings.electionTimeoutMs) {
    // It reached the old end so slowly that the log has grown on: once more, with the shorter rest.
    addition.target = state.log.end;
    addition.roundMs = state.nowMs;
    if (progress.matched < addition.target) return;
  }
  leader.addition = undefined;
  appendChange(state, leader, addition.id, membership([...state.members.voters, addition.replica]));
}

/** After a commit. Returns false when this replica no longer leads. */
export function finishChange(state: RaftState, leader: LeaderRole): boolean {
  const { change } = leader;
  if (change !== undefined && state.commit >= change.position) {
    leader.change = undefined;
    state.answers.push({ id: change.id, position: change.position });
  }
  if (state.isVoter || state.memberships.latestPosition > state.commit) return true;
  becomeFollower(state, state.term, undefined);
  return false;
}

/** Every voter is sent the log; one that is a voter no longer goes on as an observer for as long as it answers. */
export function trackVoters(state: RaftState, leader: LeaderRole): void {
  for (const voter of state.peers()) {
    const name = state.nameOf(voter);
    if (!leader.followers.has(name)) leader.followers.set(name, new Progress(voter, state.log.end, state.nowMs));
  }
}

function appendChange(state: RaftState, leader: LeaderRole, id: number, members: Membership): void {
  const entry = state.appendOwn('membership', [encodeMembership(members)]);
  leader.uncommittedBytes += entrySizeBytes(entry);
  leader.change = { id, position: entryEnd(entry) };
  trackVoters(state, leader);
  broadcast(state, leader);
}

function refuseChange(state: RaftState, leader: LeaderRole): MillraceError | undefined {
  const isChanging =
    leader.addition !== undefined || leader.transfer !== undefined || state.memberships.latestPosition > state.commit;
  const isSettled = hasOwnCommit(state, leader) || state.hasDefect('changeBeforeOwnCommit');
  if (!isChanging && isSettled) return undefined;
  return new MillraceError(
    'VOTER_CHANGE_IN_PROGRESS',
    'Another change of the voters or of the leader is not finished; try again when it is.',
    { retriable: true },
  );
}

function refuseAddition(state: RaftState, leader: LeaderRole, replica: ReplicaKey): MillraceError | undefined {
  const namesake = state.members.voters.find((voter) => voter.id === replica.id);
  if (namesake !== undefined) {
    const advice = isSameReplica(namesake, replica)
      ? ''
      : ' Remove it first: its disk is not the one of the new replica.';
    return new MillraceError('DUPLICATE_VOTER', `${replicaName(namesake)} is a voter already.${advice}`);
  }
  if (leader.followers.has(state.nameOf(replica))) return undefined;
  return new MillraceError(
    'REPLICA_NOT_AVAILABLE',
    `${replicaName(replica)} does not follow the log of this leader. Start it, and add it when it runs.`,
    { retriable: true },
  );
}
