/**
 * Sentences of "In Search of an Understandable Consensus Algorithm" (Ongaro, Ousterhout; extended version) and of
 * Ongaro's thesis as tests of one core. A test's name is the sentence, in short; the section is in brackets.
 */
import { beforeEach, describe, expect, test } from 'vitest';
import { RaftCore } from '../src/core/raft-core.js';
import type { RaftEffects } from '../src/core/effects.js';
import type { RaftEvent } from '../src/core/events.js';
import { noMembership, membership, encodeMembership } from '../src/membership.js';
import type { RaftEntry } from '../src/entry.js';
import type { HardState } from '../src/durable-state.js';
import type { AppendMessage, RaftMessage, VoteMessage } from '../src/messages.js';
import { replicaKey, type ReplicaKey } from '../src/replica.js';
import { raftSettings } from '../src/settings.js';

const keys = [0, 1, 2, 3, 4].map((id) => replicaKey(id, 'd'));
const self = replicaKey(0, 'd');
const settings = raftSettings({
  maxEntryBytes: 100,
  maxMessageBytes: 100,
  maxUncommittedBytes: 500,
  maxInflightMessages: 2,
});

function key(id: number): ReplicaKey {
  return keys[id] ?? replicaKey(id, 'd');
}

function entry(position: number, term: number, text = 'x'): RaftEntry {
  return { position, term, kind: 'records', records: [Buffer.from(text)] };
}

/** Replica 0 of `voters`, and what it does. */
class Subject {
  readonly core: RaftCore;
  nowMs = 0;
  last!: RaftEffects;
  readonly sent: RaftMessage[] = [];

  constructor(options: { voters?: number; hardState?: HardState; entries?: readonly RaftEntry[] } = {}) {
    this.core = new RaftCore(
      {
        self,
        settings,
        durable: {
          hardState: options.hardState ?? { term: 0, vote: undefined },
          start: { position: 0, term: 0, membership: membership(keys.slice(0, options.voters ?? 3)) },
          entries: options.entries ?? [],
          snapshot: undefined,
        },
      },
      { nowMs: 0, draw: 0 },
    );
  }

  get role(): string {
    return this.core.leadership.role;
  }

  step(event: RaftEvent, draw = 0): RaftEffects {
    this.last = this.core.step(event, { nowMs: this.nowMs, draw });
    this.sent.push(...this.last.messages.map(({ message }) => message));
    return this.last;
  }

  sync(): RaftEffects {
    return this.step({ kind: 'synced', token: this.last.token });
  }

  receive(message: RaftMessage): RaftMessage[] {
    return this.step({ kind: 'message', message }).messages.map((outgoing) => outgoing.message);
  }

  timeOut(): void {
    this.nowMs += 2 * settings.electionTimeoutMs;
    this.step({ kind: 'tick' });
  }

  vote(from: number, changes: Partial<VoteMessage> = {}): RaftMessage | undefined {
    const message: VoteMessage = {
      type: 'vote',
      from: key(from),
      to: self,
      term: 1,
      isPreVote: false,
      isTransfer: false,
      end: 0,
      lastTerm: 0,
      ...changes,
    };
    return this.receive(message)[0];
  }

  voteAnswer(from: number, isPreVote: boolean, term = 1): void {
    this.receive({ type: 'voteAnswer', from: key(from), to: self, term, isPreVote, isGranted: true });
  }

  append(changes: Partial<AppendMessage> = {}): RaftMessage | undefined {
    const message: AppendMessage = {
      type: 'append',
      from: key(1),
      to: self,
      term: 1,
      previousPosition: 0,
      previousTerm: 0,
      entries: [],
      commit: 0,
      round: 1,
      ...changes,
    };
    return this.receive(message)[0];
  }

  accepted(from: number, matched: number, round = 1): void {
    this.receive({
      type: 'appendAnswer',
      from: key(from),
      to: self,
      term: this.core.state.term,
      isAccepted: true,
      round,
      previousPosition: 0,
      matched,
      hintPosition: 0,
      hintTerm: 0,
    });
  }

  /** Elected in the next term with the vote of replica 1; its own log is synced, nobody else's. */
  lead(): void {
    const term = this.core.state.term + 1;
    this.timeOut();
    if (this.role === 'prospective') this.voteAnswer(1, true, term);
    this.sync();
    if (this.role === 'candidate') this.voteAnswer(1, false, term);
    this.sync();
    expect(this.role).toBe('leader');
  }

  terms(): number[] {
    const { log } = this.core.state;
    return log.entries(log.start).map(({ term }) => term);
  }
}

let subject: Subject;
beforeEach(() => {
  subject = new Subject();
});

describe('terms (5.1)', () => {
  test.each(['follower', 'candidate', 'leader'])(
    'a %s that hears a larger term takes it and becomes a follower',
    (role) => {
      if (role === 'candidate') {
        subject.timeOut();
        subject.voteAnswer(1, true);
      } else if (role === 'leader') subject.lead();
      expect(subject.role).toBe(role);
      subject.append({ term: 9 });
      expect(subject.role).toBe('follower');
      expect(subject.core.state.term).toBe(9);
      expect(subject.core.leadership.leader).toEqual(key(1));
    },
  );

  test('a request with a stale term number is rejected', () => {
    subject.append({ term: 5 });
    const answer = subject.append({ term: 4, entries: [entry(0, 4)] });
    expect(answer).toMatchObject({ type: 'appendAnswer', isAccepted: false, term: 5 });
    expect(subject.core.state.log.end).toBe(0);
    expect(subject.vote(2, { term: 4 })).toMatchObject({ type: 'voteAnswer', isGranted: false, term: 5 });
  });
});

describe('leader election (5.2)', () => {
  test('when servers start up, they begin as followers', () => {
    expect(subject.role).toBe('follower');
  });

  test('a leader sends heartbeats, appends that carry no entries, to all', () => {
    subject.lead();
    subject.accepted(1, 1);
    subject.accepted(2, 1);
    subject.nowMs += settings.heartbeatIntervalMs;
    const { messages } = subject.step({ kind: 'tick' });
    expect(messages.map(({ message }) => [message.type, message.to.id])).toEqual([
      ['append', 1],
      ['append', 2],
    ]);
    expect(messages.every(({ message }) => message.type === 'append' && message.entries.length === 0)).toBe(true);
  });

  test('a follower that hears nothing over an election timeout begins an election; one that hears does not', () => {
    for (let round = 1; round < 20; round += 1) {
      subject.nowMs += settings.electionTimeoutMs - 1;
      subject.step({ kind: 'tick' });
      subject.append({ round });
    }
    expect(subject.role).toBe('follower');
    subject.nowMs += settings.electionTimeoutMs;
    subject.step({ kind: 'tick' });
    expect(subject.role).toBe('prospective');
  });

  test('to begin an election, a follower increments its term, votes for itself and asks each of the others', () => {
    subject.timeOut();
    subject.voteAnswer(1, true);
    expect(subject.last.operations).toEqual([{ kind: 'hardState', hardState: { term: 1, vote: self } }]);
    expect(subject.last.messages.map(({ message }) => [message.type, message.to.id, message.term])).toEqual([
      ['vote', 1, 1],
      ['vote', 2, 1],
    ]);
    expect(subject.last.messages.every(({ afterToken }) => afterToken === subject.last.token)).toBe(true);
  });

  test.each([
    { voters: 1, votes: 0, isElected: true },
    { voters: 3, votes: 0, isElected: false },
    { voters: 3, votes: 1, isElected: true },
    { voters: 5, votes: 1, isElected: false },
    { voters: 5, votes: 2, isElected: true },
  ])(
    'a candidate wins with votes from a majority: $votes others of $voters voters: $isElected',
    ({ voters, votes, isElected }) => {
      subject = new Subject({ voters });
      subject.timeOut();
      for (let id = 1; id <= Math.floor(voters / 2); id += 1) subject.voteAnswer(id, true);
      expect(subject.role).toBe('candidate');
      subject.sync();
      for (let id = 1; id <= votes; id += 1) subject.voteAnswer(id, false);
      expect(subject.role).toBe(isElected ? 'leader' : 'candidate');
    },
  );

  test('a candidate does not count a vote twice, nor one of a replica that is no voter', () => {
    subject = new Subject({ voters: 4 });
    subject.timeOut();
    for (const id of [1, 2]) subject.voteAnswer(id, true);
    subject.sync();
    subject.voteAnswer(1, false);
    subject.voteAnswer(1, false);
    subject.voteAnswer(4, false);
    expect(subject.role).toBe('candidate');
  });

  test('each server votes for at most one candidate in a term, first come first served', () => {
    expect(subject.vote(1)).toMatchObject({ isGranted: true });
    expect(subject.vote(2)).toMatchObject({ isGranted: false });
    expect(subject.vote(1)).toMatchObject({ isGranted: true });
    expect(subject.vote(2, { term: 2 })).toMatchObject({ isGranted: true });
  });

  test('a vote outlives a restart', () => {
    subject = new Subject({ hardState: { term: 1, vote: key(1) } });
    expect(subject.vote(2)).toMatchObject({ isGranted: false });
    expect(subject.vote(1)).toMatchObject({ isGranted: true });
  });

  test('a vote leaves only when it is on disk', () => {
    subject.vote(1);
    expect(subject.last.operations.at(-1)).toEqual({ kind: 'hardState', hardState: { term: 1, vote: key(1) } });
    expect(subject.last.messages[0]?.afterToken).toBe(subject.last.token);
  });

  test('a candidate that hears a leader of its own term returns to follower state', () => {
    subject.timeOut();
    subject.voteAnswer(1, true);
    subject.append({ from: key(2), term: 1 });
    expect(subject.core.leadership).toEqual({ role: 'follower', term: 1, leader: key(2) });
  });

  test('election timeouts are spread over an interval, so that votes are rarely split', () => {
    const deadlines = [0, 0.25, 0.5, 0.999].map((draw) => {
      const one = new Subject();
      one.nowMs = 1;
      one.step(
        {
          kind: 'message',
          message: {
            type: 'append',
            from: key(1),
            to: self,
            term: 1,
            previousPosition: 0,
            previousTerm: 0,
            entries: [],
            commit: 0,
            round: 1,
          },
        },
        draw,
      );
      return one.last.nextTickMs - 1;
    });
    expect(deadlines).toEqual([1000, 1250, 1500, 1999]);
  });
});

describe('log replication (5.3)', () => {
  test('a leader appends a command to its log and sends it to all others in parallel, before its own disk has it', () => {
    subject.lead();
    subject.accepted(1, 1);
    subject.accepted(2, 1);
    subject.sent.length = 0;
    const { answers, operations } = subject.step({ kind: 'propose', id: 1, records: [Buffer.from('a')] });
    expect(answers).toEqual([{ id: 1, position: 2 }]);
    expect(operations.map(({ kind }) => kind)).toEqual(['append']);
    const { messages } = subject.step({ kind: 'flush' });
    expect(messages.map(({ message }) => message.to.id)).toEqual([1, 2]);
    expect(messages.every(({ afterToken }) => afterToken < subject.last.token)).toBe(true);
  });

  test('an entry is committed once a majority has it, and the leader counts itself only when it is synced', () => {
    subject.lead();
    subject.accepted(1, 1);
    expect(subject.core.state.commit).toBe(1);
    subject.step({ kind: 'propose', id: 1, records: [Buffer.from('a')] });
    subject.accepted(1, 2);
    expect(subject.core.state.commit).toBe(1);
    const { committed } = subject.sync();
    expect(subject.core.state.commit).toBe(2);
    expect(committed.map(({ position }) => position)).toEqual([1]);
  });

  test('committing an entry commits all before it, of earlier leaders too', () => {
    subject = new Subject({ hardState: { term: 2, vote: undefined }, entries: [entry(0, 1), entry(1, 2)] });
    subject.lead();
    subject.accepted(1, 3);
    expect(subject.core.state.commit).toBe(3);
  });

  test('the leader tells its commit, and a follower that learns of it applies the entries in order', () => {
    subject.append({ entries: [entry(0, 1, 'a'), entry(1, 1, 'b')], commit: 1 });
    expect(subject.last.committed).toEqual([]);
    expect(subject.sync().committed.map(({ position }) => position)).toEqual([0]);
    subject.append({ previousPosition: 2, previousTerm: 1, commit: 2 });
    expect(subject.last.committed.map(({ position }) => position)).toEqual([1]);
  });

  test.each([
    { previousPosition: 0, previousTerm: 0, isAccepted: true },
    { previousPosition: 1, previousTerm: 1, isAccepted: true },
    { previousPosition: 2, previousTerm: 2, isAccepted: true },
    { previousPosition: 1, previousTerm: 2, isAccepted: false },
    { previousPosition: 3, previousTerm: 3, isAccepted: false },
  ])(
    'a follower refuses entries when it has not the one before: $previousPosition of term $previousTerm: $isAccepted',
    (at) => {
      subject = new Subject({ hardState: { term: 2, vote: undefined }, entries: [entry(0, 1), entry(1, 2)] });
      expect(
        subject.append({ term: 2, previousPosition: at.previousPosition, previousTerm: at.previousTerm }),
      ).toMatchObject({
        isAccepted: at.isAccepted,
      });
    },
  );

  test.each([
    { previousPosition: 2, previousTerm: 2, entries: [[2, 3]], terms: [1, 2, 3] },
    {
      previousPosition: 1,
      previousTerm: 1,
      entries: [
        [1, 3],
        [2, 4],
      ],
      terms: [1, 3, 4],
    },
    { previousPosition: 0, previousTerm: 0, entries: [[0, 1]], terms: [1, 2] },
    { previousPosition: 0, previousTerm: 0, entries: [[0, 3]], terms: [3] },
  ] as const)('an entry that conflicts goes, and all that follow it; others stay: $entries', (at) => {
    subject = new Subject({ hardState: { term: 2, vote: undefined }, entries: [entry(0, 1), entry(1, 2)] });
    subject.append({
      term: 4,
      previousPosition: at.previousPosition,
      previousTerm: at.previousTerm,
      entries: at.entries.map(([position, term]) => entry(position, term)),
    });
    expect(subject.terms()).toEqual(at.terms);
  });

  test('an acknowledgement of entries leaves only when they are on disk', () => {
    subject.append({ entries: [entry(0, 1)] });
    const answer = subject.last.messages[0];
    expect(answer?.message).toMatchObject({ isAccepted: true, matched: 1 });
    expect(answer?.afterToken).toBe(subject.last.token);
  });

  test('a heartbeat is acknowledged before that, and claims no more than the disk has', () => {
    subject.append();
    subject.sync();
    subject.append({ entries: [entry(0, 1)] });
    subject.append({ previousPosition: 1, previousTerm: 1 });
    expect(subject.last.messages[0]).toMatchObject({ afterToken: 1, message: { isAccepted: true, matched: 0 } });
  });

  test('a leader never overwrites or deletes entries in its log; it only appends', () => {
    subject = new Subject({ hardState: { term: 2, vote: undefined }, entries: [entry(0, 1), entry(1, 2)] });
    subject.lead();
    subject.accepted(1, 2);
    subject.step({ kind: 'propose', id: 1, records: [Buffer.from('a')] });
    expect(subject.terms()).toEqual([1, 2, 3, 3]);
    expect(() => subject.append({ term: 3, entries: [entry(0, 3)] })).toThrow(/two leaders/);
  });

  test('a follower repeats until the logs match: one refusal takes the leader back over a whole term', () => {
    subject = new Subject({
      hardState: { term: 4, vote: undefined },
      entries: [entry(0, 1), entry(1, 4), entry(2, 4), entry(3, 4), entry(4, 4)],
    });
    subject.lead();
    const [again] = subject.receive({
      type: 'appendAnswer',
      from: key(1),
      to: self,
      term: 5,
      isAccepted: false,
      round: 1,
      previousPosition: 5,
      matched: 0,
      hintPosition: 5,
      hintTerm: 3,
    });
    expect(again).toMatchObject({ type: 'append', previousPosition: 1, previousTerm: 1 });
  });
});

describe('safety (5.4)', () => {
  test.each([
    { end: 2, lastTerm: 2, isGranted: true },
    { end: 3, lastTerm: 2, isGranted: true },
    { end: 1, lastTerm: 3, isGranted: true },
    { end: 1, lastTerm: 2, isGranted: false },
    { end: 9, lastTerm: 1, isGranted: false },
  ])(
    'a voter denies its vote to a log less up to date than its own: end $end, term $lastTerm: $isGranted',
    (candidate) => {
      subject = new Subject({ hardState: { term: 2, vote: undefined }, entries: [entry(0, 1), entry(1, 2)] });
      expect(subject.vote(1, { term: 3, end: candidate.end, lastTerm: candidate.lastTerm })).toMatchObject({
        isGranted: candidate.isGranted,
      });
    },
  );

  test('only entries of the leader’s own term are committed by counting replicas', () => {
    subject = new Subject({ hardState: { term: 2, vote: undefined }, entries: [entry(0, 1), entry(1, 2)] });
    subject.lead();
    subject.accepted(1, 2);
    subject.accepted(2, 2);
    expect(subject.core.state.commit).toBe(0);
    subject.accepted(1, 3);
    expect(subject.core.state.commit).toBe(3);
  });
});

describe('membership (6, thesis 4)', () => {
  const change = (position: number, term: number, ids: readonly number[]): RaftEntry => ({
    position,
    term,
    kind: 'membership',
    records: [encodeMembership(membership(ids.map(key)))],
  });

  test('a server uses the latest membership in its log, committed or not, and the one before when it is cut off', () => {
    subject.append({ entries: [change(0, 1, [0, 1, 2, 3])] });
    expect(subject.core.state.members.voters).toHaveLength(4);
    subject.append({ from: key(2), term: 2, entries: [entry(0, 2)] });
    expect(subject.core.state.members.voters).toHaveLength(3);
  });

  test('a change waits for an entry of the leader’s term to be committed (erratum)', () => {
    subject.lead();
    const early = subject.step({ kind: 'removeVoter', id: 1, replica: key(2) });
    expect(early.answers[0]?.error).toMatchObject({ code: 'VOTER_CHANGE_IN_PROGRESS', retriable: true });
    subject.accepted(1, 1);
    const late = subject.step({ kind: 'removeVoter', id: 2, replica: key(2) });
    expect(late.answers).toEqual([]);
    expect(subject.core.state.members.voters.map(({ id }) => id)).toEqual([0, 1]);
  });

  test('one change at a time', () => {
    subject.lead();
    subject.accepted(1, 1);
    subject.step({ kind: 'removeVoter', id: 1, replica: key(2) });
    const second = subject.step({ kind: 'removeVoter', id: 2, replica: key(1) });
    expect(second.answers[0]?.error).toMatchObject({ code: 'VOTER_CHANGE_IN_PROGRESS' });
    subject.sync();
    subject.accepted(1, 2);
    expect(subject.last.answers).toEqual([{ id: 1, position: 2 }]);
  });

  test('a leader that removes itself counts without itself, and steps down when that is committed', () => {
    subject.lead();
    subject.accepted(1, 1);
    subject.accepted(2, 1);
    subject.step({ kind: 'removeVoter', id: 1, replica: self });
    subject.sync();
    subject.accepted(1, 2);
    expect(subject.role).toBe('leader');
    subject.accepted(2, 2);
    expect(subject.role).toBe('observer');
  });

  test('a voter that hears a leader disregards a request for its vote, unless the leader hands over', () => {
    subject.append();
    expect(subject.vote(2, { term: 2 })).toBeUndefined();
    expect(subject.core.state.term).toBe(1);
    expect(subject.vote(2, { term: 2, isTransfer: true })).toMatchObject({ isGranted: true, term: 2 });
  });

  test('a server grants votes and takes entries whatever its own membership says', () => {
    const observer = new RaftCore(
      {
        self,
        settings,
        durable: {
          hardState: { term: 0, vote: undefined },
          start: { position: 0, term: 0, membership: noMembership },
          entries: [],
          snapshot: undefined,
        },
      },
      { nowMs: 0, draw: 0 },
    );
    const { messages } = observer.step(
      {
        kind: 'message',
        message: {
          type: 'vote',
          from: key(1),
          to: self,
          term: 1,
          isPreVote: false,
          isTransfer: false,
          end: 0,
          lastTerm: 0,
        },
      },
      { nowMs: 1, draw: 0 },
    );
    expect(messages[0]?.message).toMatchObject({ isGranted: true });
  });

  test('a message for another disk under the same id is not answered', () => {
    expect(subject.vote(1, { to: replicaKey(0, 'former') })).toBeUndefined();
    expect(subject.append({ to: replicaKey(0, 'former') })).toBeUndefined();
    expect(subject.core.state.term).toBe(0);
  });
});

describe('limits', () => {
  const propose = (bytes: number): RaftEffects =>
    subject.step({ kind: 'propose', id: 7, records: [Buffer.alloc(bytes)] });

  test('an entry that is too large is refused for good, and too much uncommitted for now', () => {
    subject.lead();
    expect(propose(101).answers[0]?.error).toMatchObject({ code: 'MESSAGE_TOO_LARGE', retriable: false });
    for (let count = 0; count < 2; count += 1) expect(propose(100).answers[0]?.error).toBeUndefined();
    expect(propose(100).answers[0]?.error).toMatchObject({ code: 'THROTTLING_QUOTA_EXCEEDED', retriable: true });
    subject.sync();
    subject.accepted(1, subject.core.state.log.end);
    expect(propose(100).answers[0]?.error).toBeUndefined();
  });

  test('no more appends are in flight to a follower than allowed', () => {
    subject.lead();
    subject.accepted(1, 1);
    subject.sent.length = 0;
    for (let count = 0; count < 3; count += 1) {
      propose(50);
      subject.step({ kind: 'flush' });
    }
    expect(subject.sent.filter(({ type, to }) => type === 'append' && to.id === 1)).toHaveLength(
      settings.maxInflightMessages,
    );
    subject.accepted(1, 2);
    expect(subject.sent.filter(({ type, to }) => type === 'append' && to.id === 1)).toHaveLength(3);
  });

  test('who does not lead refuses proposals, reads and changes with a retriable error', () => {
    const events: RaftEvent[] = [
      { kind: 'propose', id: 1, records: [Buffer.from('a')] },
      { kind: 'read', id: 2 },
      { kind: 'addVoter', id: 3, replica: key(4) },
      { kind: 'removeVoter', id: 4, replica: key(1) },
      { kind: 'transfer', id: 5, to: undefined },
    ];
    for (const event of events) {
      expect(subject.step(event).answers[0]?.error).toMatchObject({ code: 'NOT_CONTROLLER', retriable: true });
    }
  });
});
