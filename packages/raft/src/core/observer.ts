/**
 * Observers: replicas without a vote that follow the log. They ask, because nobody has a list of them; a leader sends the log to
 * whoever asked, for as long as it answers.
 */
import type { FollowAnswer, FollowMessage, RaftMessage } from '../messages.js';
import type { ReplicaKey } from '../replica.js';
import { Progress } from './progress.js';
import type { RaftState } from './raft-state.js';
import type { FollowerRole } from './role.js';
import { sendHeartbeat } from './send-append.js';

/** An observer has heard nothing for an election timeout: asks the supposed leader, then each replica known, in turn. */
export function askAgain(state: RaftState, role: FollowerRole): void {
  role.deadlineMs = state.drawDeadlineMs();
  const supposed = role.hint ?? role.leader;
  role.leader = undefined;
  role.hint = undefined;
  askToFollow(state, supposed ?? nextTarget(state));
}

/**
 * A voter that was not elected asks too: it may have been removed while it was away, and nobody sends its log the
 * entry that says so.
 */
export function askAsProspective(state: RaftState): void {
  askToFollow(state, nextTarget(state));
}

function askToFollow(state: RaftState, target: ReplicaKey | undefined): void {
  if (target === undefined) return;
  state.send({
    ...state.address(target),
    type: 'follow',
    end: state.log.end,
    lastTerm: state.log.lastTerm,
  });
}

export function onFollow(state: RaftState, message: FollowMessage): void {
  const { role, settings } = state;
  if (role.kind !== 'leader') {
    const leader = role.kind === 'follower' ? role.leader : undefined;
    state.send({ ...state.address(message.from), type: 'followAnswer', leader: leader ?? null });
    return;
  }
  const name = state.nameOf(message.from);
  let progress = role.followers.get(name);
  if (progress === undefined) {
    if (role.followers.size - state.peers().length >= settings.maxObservers) return;
    progress = new Progress(message.from, state.log.boundaryBefore(message.end), state.nowMs);
    role.followers.set(name, progress);
  }
  // A voter that asks has not heard this leader: no proof that the leader reaches it.
  if (!state.isMember(message.from)) progress.heardMs = state.nowMs;
  sendHeartbeat(state, role, progress);
}

/** Asks the named leader soon, not at once: two replicas that name each other would keep it busy. */
export function onFollowAnswer(state: RaftState, role: FollowerRole, message: FollowAnswer): void {
  if (state.isElectable || role.leader !== undefined || message.leader === null || state.isSelf(message.leader)) return;
  role.hint = message.leader;
  role.deadlineMs = Math.min(role.deadlineMs, state.nowMs + state.settings.heartbeatIntervalMs);
}

function nextTarget(state: RaftState): ReplicaKey | undefined {
  const known = state.members.voters.filter((voter) => voter.id !== state.self.id);
  const strangers = state.bootstrapIds
    .filter((id) => id !== state.self.id && !known.some((voter) => voter.id === id))
    .map((id) => ({ id, directoryId: '' }));
  const all = [...known, ...strangers];
  const target = all[state.asked % Math.max(all.length, 1)];
  state.asked += 1;
  return target;
}

/** Who a message is for. Only a replica that knows no more than a node id may leave the directory open, and only to ask. */
export function isAddressedTo(state: RaftState, message: RaftMessage): boolean {
  if (state.isSelf(message.to)) return true;
  return message.type === 'follow' && message.to.id === state.self.id && message.to.directoryId === '';
}
