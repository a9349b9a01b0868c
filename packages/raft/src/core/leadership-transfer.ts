/**
 * Leader: hands leadership to another voter without waiting for an election timeout.
 *
 *     asked -> proposals are refused, the target is sent the rest -> it has the whole log -> it is told to campaign
 *     -> it is elected, and this replica steps down;  or the deadline passes, and this replica goes on
 */
import { MillraceError } from '@millrace/base';
import { replicaName } from '../replica.js';
import type { RaftState } from './raft-state.js';
import type { LeaderRole } from './role.js';
import { sendAppend } from './send-append.js';

export function requestTransfer(state: RaftState, leader: LeaderRole, id: number, to: number | undefined): void {
  const { self, settings, log } = state;
  if (to === self.id) {
    state.answers.push({ id, position: log.end });
    return;
  }
  const refuse = (error: MillraceError): void => {
    state.answers.push({ id, error });
  };
  if (leader.transfer !== undefined || leader.addition !== undefined) {
    refuse(
      new MillraceError('VOTER_CHANGE_IN_PROGRESS', 'Another transfer or change of voters is not finished.', {
        retriable: true,
      }),
    );
    return;
  }
  const target = state
    .peers()
    .filter((voter) => to === undefined || voter.id === to)
    .map((voter) => leader.followers.get(state.nameOf(voter)))
    .filter((progress) => progress !== undefined && state.nowMs - progress.heardMs < settings.electionTimeoutMs)
    .reduce((best, progress) => ((progress?.matched ?? -1) > (best?.matched ?? -1) ? progress : best), undefined);
  if (target === undefined) {
    const who = to === undefined ? 'No other voter' : `Replica ${to} is no voter that`;
    refuse(new MillraceError('ELIGIBLE_LEADERS_NOT_AVAILABLE', `${who} answers this leader.`, { retriable: true }));
    return;
  }
  leader.transfer = {
    id,
    to: target.replica,
    deadlineMs: state.nowMs + settings.electionTimeoutMs,
    isAsked: false,
  };
  sendAppend(state, leader, target);
  continueTransfer(state, leader);
}

/** After each answer of a follower and at each heartbeat. */
export function continueTransfer(state: RaftState, leader: LeaderRole): void {
  const { transfer } = leader;
  if (transfer === undefined) return;
  if (state.nowMs >= transfer.deadlineMs || !state.isMember(transfer.to)) {
    leader.transfer = undefined;
    const error = new MillraceError(
      'REQUEST_TIMED_OUT',
      `${replicaName(transfer.to)} did not take over in time; this replica goes on leading.`,
      { retriable: true },
    );
    state.answers.push({ id: transfer.id, error });
    return;
  }
  const matched = leader.followers.get(state.nameOf(transfer.to))?.matched ?? 0;
  if (transfer.isAsked || matched < state.log.end) return;
  transfer.isAsked = true;
  state.send({ ...state.address(transfer.to), type: 'campaign' });
}
