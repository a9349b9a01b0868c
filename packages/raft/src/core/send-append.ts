/**
 * Leader: sends the log to those who follow.
 *
 * Entries leave before the leader's own disk has them: it counts itself only once they are synced (see `commit.ts`).
 * A sign of life is an append without entries at `next`: a follower that lost something on the way refuses it.
 */
import { assert } from '@millrace/base';
import { entryEnd, entrySizeBytes, type RaftEntry } from '../entry.js';
import type { Progress } from './progress.js';
import type { RaftState } from './raft-state.js';
import type { LeaderRole } from './role.js';
import { beginSnapshot, repeatChunk } from './send-snapshot.js';

/** Sends each follower what it has not been sent; nothing to those that have all. */
export function broadcast(state: RaftState, leader: LeaderRole): void {
  leader.isUnflushed = false;
  for (const progress of leader.followers.values()) sendAppend(state, leader, progress);
}

/** Begins a new round: something to everybody, so that everybody answers. */
export function broadcastHeartbeat(state: RaftState, leader: LeaderRole): void {
  leader.isUnflushed = false;
  leader.round += 1;
  for (const progress of leader.followers.values()) sendHeartbeat(state, leader, progress);
}

/** After a commit. */
export function broadcastCommit(state: RaftState, leader: LeaderRole): void {
  for (const progress of leader.followers.values()) sendCommit(state, leader, progress);
}

/** Sends what is due, or else how far the log is committed, if the follower was not told. */
export function sendCommit(state: RaftState, leader: LeaderRole, progress: Progress): void {
  if (sendAppend(state, leader, progress)) return;
  if (progress.state !== 'replicate' || progress.next < state.log.start || progress.commitSent >= state.commit) return;
  sendEntries(state, leader, progress, []);
}

/** As many appends as are allowed in flight. Returns whether there was one. */
export function sendAppend(state: RaftState, leader: LeaderRole, progress: Progress): boolean {
  let isSent = false;
  while (progress.state !== 'snapshot' && progress.next < state.log.end) {
    if (progress.state === 'probe' ? progress.isProbing : !progress.hasRoom(state.settings)) return isSent;
    if (progress.next < state.log.start) {
      beginSnapshot(state, leader, progress);
      return true;
    }
    sendEntries(
      state,
      leader,
      progress,
      state.log.entries(progress.next, state.log.end, state.settings.maxMessageBytes),
    );
    isSent = true;
  }
  return isSent;
}

export function sendHeartbeat(state: RaftState, leader: LeaderRole, progress: Progress): void {
  progress.isProbing = false;
  if (progress.state === 'snapshot') {
    repeatChunk(state, leader, progress);
    // Position 0 matches every log, so this shows life and asks how far the follower has come by itself.
    sendAt(state, leader, progress, { position: 0, term: 0, entries: [] });
    return;
  }
  if (sendAppend(state, leader, progress)) return;
  if (progress.next < state.log.start) beginSnapshot(state, leader, progress);
  else sendEntries(state, leader, progress, []);
}

function sendEntries(state: RaftState, leader: LeaderRole, progress: Progress, entries: readonly RaftEntry[]): void {
  const term = state.log.termBefore(progress.next);
  assert(term !== undefined, `${progress.next} is not in the log of ${state.log.start} to ${state.log.end}`);
  sendAt(state, leader, progress, { position: progress.next, term, entries });
  const last = entries.at(-1);
  if (progress.state === 'probe') progress.isProbing = true;
  else if (last !== undefined) {
    progress.sent(
      entryEnd(last),
      entries.reduce((bytes, entry) => bytes + entrySizeBytes(entry), 0),
    );
  }
}

function sendAt(
  state: RaftState,
  leader: LeaderRole,
  progress: Progress,
  at: { readonly position: number; readonly term: number; readonly entries: readonly RaftEntry[] },
): void {
  progress.commitSent = state.commit;
  state.send({
    ...state.address(progress.replica),
    type: 'append',
    previousPosition: at.position,
    previousTerm: at.term,
    entries: at.entries,
    commit: state.commit,
    round: leader.round,
  });
}
