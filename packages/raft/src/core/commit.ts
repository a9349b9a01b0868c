/**
 * Leader: what is committed.
 *
 * Committed is what a majority of the voters has on disk, and only once that includes an entry of the leader's own term:
 * an entry of an earlier term on a majority may still be overwritten by a leader that never saw it, unless an entry of
 * this term sits on top of it. The leader counts as one voter with what it has synced, and not at all when it is
 * being removed.
 */
import { entrySizeBytes } from '../entry.js';
import { broadcastCommit } from './send-append.js';
import type { RaftState } from './raft-state.js';
import type { LeaderRole } from './role.js';

/** Returns whether something was committed. */
export function advanceCommit(state: RaftState, leader: LeaderRole): boolean {
  const position = majorityValue(state, (name) => leader.followers.get(name)?.matched ?? 0, ownMatch(state));
  if (position <= state.commit) return false;
  if (state.log.termBefore(position) !== state.term && !state.hasDefect('commitEarlierTerm')) return false;
  for (const entry of state.log.entries(state.commit, position)) leader.uncommittedBytes -= entrySizeBytes(entry);
  state.advanceCommit(position);
  broadcastCommit(state, leader);
  return true;
}

/** Whether the leader's right to lead is settled: something of its own term is committed. */
export function hasOwnCommit(state: RaftState, leader: LeaderRole): boolean {
  return state.commit > leader.termStart;
}

/** The largest value that a majority of the voters has reached. */
export function majorityValue(state: RaftState, valueOf: (name: string) => number, own: number): number {
  const values = state.members.voters.map((voter) => (state.isSelf(voter) ? own : valueOf(state.nameOf(voter))));
  values.sort((a, b) => b - a);
  return values[state.majority - 1] ?? -Infinity;
}

function ownMatch(state: RaftState): number {
  return state.hasDefect('countSelfBeforeSync') ? state.log.end : state.durability.syncedEnd;
}
