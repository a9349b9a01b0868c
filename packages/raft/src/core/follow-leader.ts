/**
 * Follower: takes the leader's log.
 *
 * An append is accepted when this log has the leader's entry before it. Then entries that are here already are
 * skipped, and only where one conflicts (same position, other term) the log is cut: appends arrive late and doubled,
 * and what a newer one brought must not be cut for an older one.
 *
 * `matched` in an answer never claims more than this disk holds: entries that are not synced yet are claimed by an
 * answer that waits for the sync, and a sign of life is answered at once with what is synced already.
 */
import { entryEnd } from '../entry.js';
import type { AppendMessage, SnapshotMessage } from '../messages.js';
import type { RaftState } from './raft-state.js';
import type { FollowerRole } from './role.js';

/** The message is of this term and `role` follows its sender. */
export function onAppend(state: RaftState, role: FollowerRole, message: AppendMessage): void {
  noteLeader(state, role);
  if (!isWellFormed(message)) return;
  const { log } = state;
  const { previousPosition, entries } = message;
  if (previousPosition < log.start) {
    // All before the start is committed, so the leader has it too.
    accept(state, message, state.syncedCommit);
    return;
  }
  if (log.termBefore(previousPosition) !== message.previousTerm) {
    refuse(state, message);
    return;
  }
  const last = entries.at(-1);
  const end = last === undefined ? previousPosition : entryEnd(last);
  const first = entries.findIndex((entry) => log.entryAt(entry.position)?.term !== entry.term);
  if (first !== -1) {
    const from = entries[first]?.position ?? end;
    if (from < log.end) state.truncate(from);
    state.append(entries.slice(first));
  } else if (state.hasDefect('truncateOnHeartbeat') && end < log.end && end >= state.commit) {
    state.truncate(end);
  }
  state.advanceCommit(Math.min(message.commit, end));
  const { syncedEnd } = state.durability;
  if (end <= syncedEnd || entries.length === 0) {
    accept(state, message, Math.max(Math.min(end, syncedEnd), state.syncedCommit));
  } else {
    accept(state, message, end);
  }
}

export function onSnapshot(state: RaftState, role: FollowerRole, message: SnapshotMessage): void {
  noteLeader(state, role);
  const { snapshot, offset, chunk } = message;
  const { position, term, sizeBytes } = snapshot;
  if (state.log.termBefore(position) === term) state.advanceCommit(position);
  if (position <= state.commit) {
    accept(state, { ...message, previousPosition: 0 }, state.syncedCommit);
    return;
  }
  if (offset === 0 && role.receiving?.position !== position)
    role.receiving = { position, nextOffset: 0, whole: undefined };
  const receiving = role.receiving?.position === position ? role.receiving : undefined;
  if (receiving === undefined || offset !== receiving.nextOffset || offset + chunk.length > sizeBytes) {
    answerSnapshot(state, message, receiving?.nextOffset ?? 0);
    return;
  }
  state.durability.record({ kind: 'receiveSnapshot', snapshot, offset, chunk });
  receiving.nextOffset += chunk.length;
  if (receiving.nextOffset < sizeBytes) {
    answerSnapshot(state, message, receiving.nextOffset);
    return;
  }
  receiving.whole = { message, token: state.durability.token };
}

/**
 * The disk has caught up. A snapshot takes the place of the log only when all its bytes are on disk: there is no moment in
 * which a crash leaves neither.
 */
export function onFollowerSynced(state: RaftState, role: FollowerRole): void {
  const whole = role.receiving?.whole;
  if (whole === undefined || whole.token > state.durability.syncedToken) return;
  role.receiving = undefined;
  const { message } = whole;
  if (message.snapshot.position <= state.commit) return;
  state.installSnapshot(message.snapshot);
  accept(state, { ...message, previousPosition: 0 }, message.snapshot.position);
}

/** The sender is of an earlier term: it learns of this one and steps down. */
export function refuseOldLeader(state: RaftState, message: AppendMessage | SnapshotMessage): void {
  state.send({
    ...state.address(message.from),
    type: 'appendAnswer',
    isAccepted: false,
    round: message.round,
    previousPosition: 0,
    matched: 0,
    hintPosition: 0,
    hintTerm: 0,
  });
}

function noteLeader(state: RaftState, role: FollowerRole): void {
  role.heardMs = state.nowMs;
  role.deadlineMs = state.drawDeadlineMs();
}

function isWellFormed({ entries, previousPosition, previousTerm, term }: AppendMessage): boolean {
  let position = previousPosition;
  let lastTerm = previousTerm;
  for (const entry of entries) {
    if (entry.position !== position || entry.term < lastTerm || entry.term > term) return false;
    if (entry.records.length === 0) return false;
    position = entryEnd(entry);
    lastTerm = entry.term;
  }
  return true;
}

function accept(
  state: RaftState,
  message: Pick<AppendMessage, 'from' | 'round' | 'previousPosition'>,
  matched: number,
): void {
  const answer = {
    ...state.address(message.from),
    type: 'appendAnswer',
    isAccepted: true,
    round: message.round,
    previousPosition: message.previousPosition,
    matched,
    hintPosition: 0,
    hintTerm: 0,
  } as const;
  if (matched <= state.durability.syncedEnd) state.send(answer);
  else state.sendWhenSynced(answer);
}

function refuse(state: RaftState, message: AppendMessage): void {
  const { log } = state;
  const hintPosition = log.lastMatch(Math.min(message.previousPosition, log.end), message.previousTerm);
  state.send({
    ...state.address(message.from),
    type: 'appendAnswer',
    isAccepted: false,
    round: message.round,
    previousPosition: message.previousPosition,
    matched: 0,
    hintPosition: Math.max(hintPosition, log.start),
    hintTerm: log.termBefore(Math.max(hintPosition, log.start)) ?? 0,
  });
}

function answerSnapshot(state: RaftState, message: SnapshotMessage, nextOffset: number): void {
  state.sendWhenSynced({
    ...state.address(message.from),
    type: 'snapshotAnswer',
    position: message.snapshot.position,
    nextOffset,
    round: message.round,
  });
}
