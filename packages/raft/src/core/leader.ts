/** What a leader does with proposals, answers and time. */
import { MillraceError } from '@millrace/base';
import { entryEnd, entrySizeBytes } from '../entry.js';
import type { AppendAnswer, SnapshotAnswer } from '../messages.js';
import { advanceCommit, majorityValue } from './commit.js';
import { continueTransfer } from './leadership-transfer.js';
import { continueAddition, finishChange } from './membership-change.js';
import type { Progress } from './progress.js';
import type { RaftState } from './raft-state.js';
import type { LeaderRole } from './role.js';
import { broadcastHeartbeat, sendCommit } from './send-append.js';
import { beginSnapshot, onSnapshotAnswer } from './send-snapshot.js';
import { becomeFollower, notLeader } from './step-down.js';

/** An observer that was silent for so many election timeouts is no longer sent the log. */
const observerPatience = 4;
/** A leader whose disk has synced nothing for so many election timeouts gives way. A disk may stall for a second. */
const diskPatience = 5;

export function propose(state: RaftState, leader: LeaderRole, id: number, records: readonly Uint8Array[]): void {
  const error = refuseProposal(state, leader, records);
  if (error !== undefined) {
    state.answers.push({ id, error });
    return;
  }
  const entry = state.appendOwn('records', records);
  leader.uncommittedBytes += entrySizeBytes(entry);
  leader.isUnflushed = true;
  state.answers.push({ id, position: entryEnd(entry) });
}

export function onAppendAnswer(state: RaftState, leader: LeaderRole, message: AppendAnswer): void {
  const progress = noteAnswer(state, leader, message);
  if (progress === undefined) return;
  if (message.isAccepted) onAccepted(state, leader, progress, message.matched);
  else onRefused(state, progress, message);
  sendCommit(state, leader, progress);
}

export function onLeaderSnapshotAnswer(state: RaftState, leader: LeaderRole, message: SnapshotAnswer): void {
  const progress = noteAnswer(state, leader, message);
  if (progress !== undefined) onSnapshotAnswer(state, leader, progress, message);
}

/** After each step in which something may have been acknowledged, by a follower or by this disk. */
export function settle(state: RaftState, leader: LeaderRole): void {
  while (advanceCommit(state, leader)) {
    if (!finishChange(state, leader)) return;
  }
  continueAddition(state, leader);
  continueTransfer(state, leader);
}

export function onLeaderTick(state: RaftState, leader: LeaderRole): void {
  if (state.nowMs < leader.heartbeatMs) return;
  leader.heartbeatMs = state.nowMs + state.settings.heartbeatIntervalMs;
  if (!hasContact(state, leader) || !hasDisk(state, leader)) {
    becomeFollower(state, state.term, undefined);
    return;
  }
  forgetSilentObservers(state, leader);
  broadcastHeartbeat(state, leader);
}

/** Whether a majority answered lately. If not, another leader may be there already, and nothing can be committed. */
function hasContact(state: RaftState, leader: LeaderRole): boolean {
  if (state.hasDefect('noCheckQuorum')) return true;
  const heardMs = majorityValue(state, (name) => leader.followers.get(name)?.heardMs ?? 0, state.nowMs);
  return state.nowMs - heardMs < state.settings.electionTimeoutMs;
}

/**
 * Whether its own disk answers. The others can commit without it, but nothing is handed out here that is not on this disk:
 * the state machine of a leader whose disk hangs would stand still, and keep another from leading.
 */
function hasDisk(state: RaftState, leader: LeaderRole): boolean {
  const { token, syncedToken } = state.durability;
  if (syncedToken === token || syncedToken !== leader.syncedToken) {
    leader.syncedToken = syncedToken;
    leader.syncedMs = state.nowMs;
  }
  return state.nowMs - leader.syncedMs < diskPatience * state.settings.electionTimeoutMs;
}

function forgetSilentObservers(state: RaftState, leader: LeaderRole): void {
  const sinceMs = state.nowMs - observerPatience * state.settings.electionTimeoutMs;
  for (const [name, progress] of leader.followers) {
    if (progress.heardMs < sinceMs && !state.isMember(progress.replica)) leader.followers.delete(name);
  }
}

function noteAnswer(
  state: RaftState,
  leader: LeaderRole,
  message: AppendAnswer | SnapshotAnswer,
): Progress | undefined {
  const progress = leader.followers.get(state.nameOf(message.from));
  if (progress === undefined) return undefined;
  progress.heardMs = state.nowMs;
  progress.answeredRound = Math.max(progress.answeredRound, message.round);
  return progress;
}

function onAccepted(state: RaftState, leader: LeaderRole, progress: Progress, matched: number): void {
  if (matched > state.log.end) return;
  progress.acknowledged(matched);
  switch (progress.state) {
    case 'probe':
      // A doubled old answer may match less than the log starts with: keep on probing.
      if (progress.matched >= state.log.start) progress.becomeReplicate();
      else progress.isProbing = false;
      break;
    case 'snapshot':
      if (progress.matched >= state.log.start) progress.becomeReplicate();
      // The log was cut after the snapshot that was sent: a newer one is needed.
      else if (progress.matched >= (progress.transfer?.snapshot.position ?? 0)) beginSnapshot(state, leader, progress);
      break;
    case 'replicate':
      break;
  }
}

function onRefused(state: RaftState, progress: Progress, message: AppendAnswer): void {
  // Old, or doubled: what it refused was accepted since, or is not what was asked last.
  if (message.previousPosition <= progress.matched) return;
  if (progress.state === 'snapshot') return;
  if (progress.state === 'probe' && message.previousPosition !== progress.next) return;
  const next = state.log.lastMatch(Math.min(message.hintPosition, message.previousPosition), message.hintTerm);
  progress.becomeProbe(next);
}

function refuseProposal(
  state: RaftState,
  leader: LeaderRole,
  records: readonly Uint8Array[],
): MillraceError | undefined {
  const { maxEntryBytes, maxUncommittedBytes } = state.settings;
  const bytes = records.reduce((sum, record) => sum + record.length, 0);
  if (leader.transfer !== undefined) return notLeader(state);
  if (bytes > maxEntryBytes) {
    return new MillraceError(
      'MESSAGE_TOO_LARGE',
      `${bytes} bytes are to be appended at once, and ${maxEntryBytes} are allowed. Ask for less in one request.`,
    );
  }
  if (leader.uncommittedBytes === 0 || leader.uncommittedBytes + bytes <= maxUncommittedBytes) return undefined;
  return new MillraceError(
    'THROTTLING_QUOTA_EXCEEDED',
    `${leader.uncommittedBytes} bytes wait for a majority of the voters; try again later.`,
    { retriable: true },
  );
}
