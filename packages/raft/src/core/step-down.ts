/** Any role -> follower. */
import { MillraceError } from '@millrace/base';
import { type ReplicaKey, replicaName } from '../replica.js';
import type { RaftState } from './raft-state.js';
import type { LeaderRole } from './role.js';

/** In the present term or a higher one, under `leader` when it is known. */
export function becomeFollower(state: RaftState, term: number, leader: ReplicaKey | undefined): void {
  const { role } = state;
  if (term > state.term) state.saveHardState(term, undefined);
  state.role = {
    kind: 'follower',
    leader,
    heardMs: leader === undefined ? -Infinity : state.nowMs,
    deadlineMs: state.drawDeadlineMs(),
    receiving: undefined,
    hint: undefined,
  };
  if (role.kind === 'leader') answerPending(state, role);
}

/** Refused: nothing happened, and another replica may lead. */
export function notLeader(state: RaftState): MillraceError {
  const { role } = state;
  const leader = role.kind === 'follower' && role.leader !== undefined ? replicaName(role.leader) : 'not known here';
  return new MillraceError(
    'NOT_CONTROLLER',
    `Replica ${replicaName(state.self)} does not lead the Raft log in term ${state.term}; the leader is ${leader}.`,
    { retriable: true },
  );
}

function answerPending(state: RaftState, role: LeaderRole): void {
  const lost = (id: number): void => {
    state.answers.push({
      id,
      error: new MillraceError(
        'NOT_CONTROLLER',
        `Replica ${replicaName(state.self)} lost the leadership of the Raft log before this was known to be done; ` +
          'it may be done or not.',
        { retriable: true },
      ),
    });
  };
  for (const { id } of role.reads) lost(id);
  if (role.addition !== undefined) lost(role.addition.id);
  if (role.change !== undefined) lost(role.change.id);
  // To step down is what a transfer is for.
  if (role.transfer !== undefined) state.answers.push({ id: role.transfer.id, position: state.log.end });
}
