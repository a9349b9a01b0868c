/**
 * Leader: sends its snapshot to a follower that needs entries from before the start of the log.
 *
 * One chunk at a time; the follower's answer names the byte it needs next, so a transfer goes on after lost messages
 * where it stopped, and begins anew when the follower has lost what it had.
 */
import { assert } from '@millrace/base';
import type { SnapshotAnswer } from '../messages.js';
import type { Progress } from './progress.js';
import type { RaftState } from './raft-state.js';
import type { LeaderRole } from './role.js';

export function beginSnapshot(state: RaftState, leader: LeaderRole, progress: Progress): void {
  assert(state.snapshot !== undefined, `the log starts at ${state.log.start} and there is no snapshot`);
  progress.becomeSnapshot(state.snapshot, state.nowMs);
  sendChunk(state, leader, progress);
}

export function onSnapshotAnswer(
  state: RaftState,
  leader: LeaderRole,
  progress: Progress,
  message: SnapshotAnswer,
): void {
  const { transfer } = progress;
  if (transfer?.snapshot.position !== message.position) return;
  // Equal: a doubled message, or the answer to one. The chunk is on its way.
  if (message.nextOffset === transfer.offset || message.nextOffset > transfer.snapshot.sizeBytes) return;
  transfer.offset = message.nextOffset;
  if (transfer.offset < transfer.snapshot.sizeBytes) sendChunk(state, leader, progress);
}

/** At each heartbeat: a chunk or its answer may be lost. */
export function repeatChunk(state: RaftState, leader: LeaderRole, progress: Progress): void {
  const { transfer } = progress;
  if (transfer === undefined || state.nowMs - transfer.sentMs < state.settings.electionTimeoutMs / 2) return;
  sendChunk(state, leader, progress);
}

/** The snapshot was removed for a newer one while it was sent: the newer one is sent from its beginning. */
export function onSnapshotGone(state: RaftState, leader: LeaderRole, progress: Progress, position: number): void {
  if (progress.transfer?.snapshot.position !== position || state.snapshot?.position === position) return;
  beginSnapshot(state, leader, progress);
}

function sendChunk(state: RaftState, leader: LeaderRole, progress: Progress): void {
  const { transfer } = progress;
  assert(transfer !== undefined, 'a chunk is sent without a transfer');
  transfer.sentMs = state.nowMs;
  const { snapshot, offset } = transfer;
  state.chunks.push({
    message: {
      ...state.address(progress.replica),
      type: 'snapshot',
      snapshot,
      offset,
      chunk: new Uint8Array(0),
      round: leader.round,
    },
    maxBytes: Math.min(state.settings.maxMessageBytes, snapshot.sizeBytes - offset),
  });
}
