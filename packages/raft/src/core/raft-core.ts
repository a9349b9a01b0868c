/**
 * One replica of the Raft log, without I/O: an event goes in, effects come out as data. No clock, no randomness, no promise.
 *
 *     observer     no voter; follows the log, and asks for it
 *     follower     a voter that follows a leader or waits for one
 *     prospective  asks whether it would be elected (pre-vote)
 *     candidate    asks for votes in a new term
 *     leader       decides what is appended
 *
 * Transitions and their triggers:
 *
 *     observer    -> follower      the latest membership in its log has it
 *     follower    -> observer      the latest membership in its log does not have it, and is committed
 *     follower    -> prospective   no leader heard for an election timeout, or soon after its process ended
 *     follower    -> candidate     the leader tells it to campaign (transfer)
 *     prospective -> candidate     a majority would vote for it
 *     prospective -> prospective   election timeout
 *     prospective -> follower      a leader of its term is heard; a majority refuses; a higher term is heard
 *     candidate   -> leader        a majority votes for it, its own vote being synced
 *     candidate   -> prospective   election timeout
 *     candidate   -> follower      a leader of its term is heard; a majority refuses; a higher term is heard
 *     leader      -> follower      a higher term is heard; no majority heard for an election timeout
 *     leader      -> observer      its own removal is committed
 *
 * A step runs to its end and never blocks; after one that throws (an invariant is broken) the core must not be used.
 * `RaftDriver` runs it.
 */
import { assert, unreachable } from '@millrace/base';
import type { StoredSnapshot } from '../durable-state.js';
import type { Leadership, RaftRole } from '../leadership.js';
import type { RaftMessage } from '../messages.js';
import { isSameReplica } from '../replica.js';
import type { RaftEffects } from './effects.js';
import {
  becomeCandidate,
  campaign,
  isLoyal,
  onCandidateSynced,
  onLeaderGone,
  onVote,
  onVoteAnswer,
  refuseVote,
} from './election.js';
import type { Moment, RaftEvent } from './events.js';
import { onAppend, onFollowerSynced, onSnapshot, refuseOldLeader } from './follow-leader.js';
import { onAppendAnswer, onLeaderSnapshotAnswer, onLeaderTick, propose, settle } from './leader.js';
import { requestTransfer } from './leadership-transfer.js';
import { requestAddition, requestRemoval } from './membership-change.js';
import { askAgain, askAsProspective, isAddressedTo, onFollow, onFollowAnswer } from './observer.js';
import { RaftState, type RaftCoreOptions } from './raft-state.js';
import { answerReads, requestRead } from './read-barrier.js';
import type { LeaderRole } from './role.js';
import { broadcast } from './send-append.js';
import { onSnapshotGone } from './send-snapshot.js';
import { becomeFollower, notLeader } from './step-down.js';

export class RaftCore {
  readonly #state: RaftState;
  #leadership: Leadership;

  constructor(options: RaftCoreOptions, moment: Moment) {
    this.#state = new RaftState(options, moment);
    this.#leadership = this.leadership;
  }

  /** For looking at; changed by `step` alone. */
  get state(): Readonly<RaftState> {
    return this.#state;
  }

  get leadership(): Leadership {
    const { role, term, self } = this.#state;
    switch (role.kind) {
      case 'follower':
        return { role: this.#state.isElectable ? 'follower' : 'observer', term, leader: role.leader };
      case 'leader':
        return { role: 'leader', term, leader: self };
      case 'prospective':
      case 'candidate':
        return { role: role.kind satisfies RaftRole, term, leader: undefined };
    }
  }

  step(event: RaftEvent, moment: Moment): RaftEffects {
    const state = this.#state;
    assert(moment.nowMs >= state.nowMs, `time went back from ${state.nowMs} to ${moment.nowMs}`);
    state.moment = moment;
    const commitBefore = state.commit;
    const termBefore = state.term;
    this.#take(event);
    if (state.role.kind === 'leader') settle(state, state.role);
    assert(state.commit >= commitBefore, `the commit went back from ${commitBefore} to ${state.commit}`);
    assert(state.term >= termBefore, `the term went back from ${termBefore} to ${state.term}`);
    return this.#takeEffects();
  }

  #take(event: RaftEvent): void {
    const state = this.#state;
    const { role } = state;
    switch (event.kind) {
      case 'tick':
        this.#tick();
        break;
      case 'message':
        this.#receive(event.message);
        break;
      case 'synced':
        state.durability.synced(event.token);
        if (role.kind === 'candidate') onCandidateSynced(state, role);
        else if (role.kind === 'follower') onFollowerSynced(state, role);
        break;
      case 'flush':
        if (role.kind === 'leader' && role.isUnflushed) broadcast(state, role);
        break;
      case 'compact':
        compact(state, event.start, event.snapshot);
        break;
      case 'snapshotGone':
        if (role.kind === 'leader') {
          const progress = role.followers.get(state.nameOf(event.to));
          if (progress !== undefined) onSnapshotGone(state, role, progress, event.position);
        }
        break;
      case 'gone':
        if (role.kind === 'follower' && role.leader?.id === event.id) onLeaderGone(state, role);
        break;
      case 'propose':
        this.#asLeader(event.id, (leader) => {
          propose(state, leader, event.id, event.records);
        });
        break;
      case 'read':
        this.#asLeader(event.id, (leader) => {
          requestRead(state, leader, event.id);
        });
        break;
      case 'addVoter':
        this.#asLeader(event.id, (leader) => {
          requestAddition(state, leader, event.id, event.replica);
        });
        break;
      case 'removeVoter':
        this.#asLeader(event.id, (leader) => {
          requestRemoval(state, leader, event.id, event.replica);
        });
        break;
      case 'transfer':
        this.#asLeader(event.id, (leader) => {
          requestTransfer(state, leader, event.id, event.to);
        });
        break;
      default:
        unreachable(event);
    }
  }

  #tick(): void {
    const state = this.#state;
    const { role } = state;
    if (role.kind === 'leader') {
      onLeaderTick(state, role);
      return;
    }
    if (state.nowMs < role.deadlineMs) return;
    if (state.isElectable) {
      if (role.kind !== 'follower') askAsProspective(state);
      campaign(state);
    } else if (role.kind === 'follower') askAgain(state, role);
    else becomeFollower(state, state.term, undefined);
  }

  #receive(message: RaftMessage): void {
    const state = this.#state;
    if (!isAddressedTo(state, message)) return;
    if (message.term > state.term) {
      if (message.type === 'vote' && isLoyal(state, message)) return;
      const isConditional =
        (message.type === 'vote' && message.isPreVote) ||
        (message.type === 'voteAnswer' && message.isPreVote && message.isGranted);
      if (!isConditional) becomeFollower(state, message.term, undefined);
    } else if (message.term < state.term) {
      this.#receiveOld(message);
      return;
    }
    this.#receivePresent(message);
  }

  /** From a replica that does not know of the present term. */
  #receiveOld(message: RaftMessage): void {
    const state = this.#state;
    switch (message.type) {
      case 'vote':
        refuseVote(state, message);
        break;
      case 'append':
      case 'snapshot':
        refuseOldLeader(state, message);
        break;
      case 'follow':
        onFollow(state, message);
        break;
      case 'followAnswer':
        if (state.role.kind === 'follower') onFollowAnswer(state, state.role, message);
        break;
      case 'voteAnswer':
      case 'appendAnswer':
      case 'snapshotAnswer':
      case 'campaign':
        break;
    }
  }

  #receivePresent(message: RaftMessage): void {
    const state = this.#state;
    const { role } = state;
    switch (message.type) {
      case 'vote':
        onVote(state, message);
        break;
      case 'voteAnswer':
        onVoteAnswer(state, message);
        break;
      case 'append':
      case 'snapshot': {
        assert(role.kind !== 'leader', `term ${state.term} has two leaders`);
        if (role.kind !== 'follower') becomeFollower(state, state.term, message.from);
        const follower = state.role;
        assert(follower.kind === 'follower', `a ${follower.kind} is sent the log`);
        follower.leader ??= message.from;
        assert(isSameReplica(follower.leader, message.from), `term ${state.term} has two leaders`);
        if (message.type === 'append') onAppend(state, follower, message);
        else onSnapshot(state, follower, message);
        break;
      }
      case 'appendAnswer':
        if (role.kind === 'leader') onAppendAnswer(state, role, message);
        break;
      case 'snapshotAnswer':
        if (role.kind === 'leader') onLeaderSnapshotAnswer(state, role, message);
        break;
      case 'follow':
        onFollow(state, message);
        break;
      case 'followAnswer':
        if (role.kind === 'follower') onFollowAnswer(state, role, message);
        break;
      case 'campaign':
        if (role.kind === 'follower' && state.isElectable) becomeCandidate(state, true);
        break;
    }
  }

  #asLeader(id: number, request: (leader: LeaderRole) => void): void {
    const { role } = this.#state;
    if (role.kind === 'leader') request(role);
    else this.#state.answers.push({ id, error: notLeader(this.#state) });
  }

  #takeEffects(): RaftEffects {
    const state = this.#state;
    const handedOut = state.takeCommitted();
    if (state.role.kind === 'leader') answerReads(state, state.role);
    const { messages, chunks, answers, role } = state;
    state.messages = [];
    state.chunks = [];
    state.answers = [];
    const leadership = this.leadership;
    const before = this.#leadership;
    const isSame =
      before.role === leadership.role &&
      before.term === leadership.term &&
      (before.leader === leadership.leader || isSameReplica(before.leader, leadership.leader));
    this.#leadership = leadership;
    return {
      operations: state.durability.takeOperations(),
      token: state.durability.token,
      messages,
      chunks,
      ...handedOut,
      answers,
      leadership: isSame ? undefined : leadership,
      nextTickMs: role.kind === 'leader' ? role.heartbeatMs : role.deadlineMs,
    };
  }
}

function compact(state: RaftState, start: number, snapshot: StoredSnapshot): void {
  const { position, sizeBytes } = snapshot;
  assert(start <= position, `the log is to start at ${start}, after its snapshot up to ${position}`);
  assert(position <= state.handedOut, `a snapshot up to ${position} holds more than was committed`);
  if (position > (state.snapshot?.position ?? 0)) state.noteSnapshot(position, sizeBytes);
  state.advanceStart(start);
}
