/**
 * Leader: reads that must not miss what another leader committed meanwhile.
 *
 * A read remembers the end of the log (which includes an entry of the leader's term) and a round that begins after it.
 * It is answered when a majority has answered that round, so no other leader had been elected by then, and when the log
 * is committed to that end. No clock takes part: a leader that slept finds out by its unanswered round.
 *
 * One round is on its way for reads at any time; reads that come meanwhile share the next one.
 */
import { MillraceError } from '@millrace/base';
import { majorityValue } from './commit.js';
import type { RaftState } from './raft-state.js';
import type { LeaderRole } from './role.js';
import { broadcastHeartbeat } from './send-append.js';

export function requestRead(state: RaftState, leader: LeaderRole, id: number): void {
  const { maxPendingReads } = state.settings;
  if (leader.reads.length >= maxPendingReads) {
    const error = new MillraceError(
      'THROTTLING_QUOTA_EXCEEDED',
      `${maxPendingReads} reads wait for the leader to be confirmed; try again later.`,
      { retriable: true },
    );
    state.answers.push({ id, error });
    return;
  }
  leader.reads.push({ id, round: leader.round + 1, position: state.log.end });
  beginRound(state, leader);
}

/** After answers and commits. `handedOut` and not `commit`: the reader looks at what it was given. */
export function answerReads(state: RaftState, leader: LeaderRole): void {
  if (leader.reads.length === 0) return;
  const round = confirmedRound(state, leader);
  let count = 0;
  for (const read of leader.reads) {
    if (read.round > round || read.position > state.handedOut) break;
    state.answers.push({ id: read.id, position: read.position });
    count += 1;
  }
  leader.reads.splice(0, count);
  beginRound(state, leader);
}

function beginRound(state: RaftState, leader: LeaderRole): void {
  const last = leader.reads.at(-1);
  if (last === undefined || last.round <= leader.round) return;
  if (confirmedRound(state, leader) < leader.round && state.peers().length > 0) return;
  broadcastHeartbeat(state, leader);
}

/** The latest round that a majority has answered. */
function confirmedRound(state: RaftState, leader: LeaderRole): number {
  return majorityValue(state, (name) => leader.followers.get(name)?.answeredRound ?? 0, leader.round);
}
