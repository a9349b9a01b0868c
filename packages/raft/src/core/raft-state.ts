/**
 * The state of one replica, shared by the files that each hold one idea of the protocol, and the few ways to change it.
 *
 * Invariants:
 * - `term` never falls; `vote` changes within a term only from undefined;
 * - `log.start <= handedOut <= commit <= log.end`; handedOut and commit never fall (right after the install of a snapshot
 *   handedOut is behind the start, until the snapshot is on disk);
 * - `members` is the latest membership in the log.
 */
import { assert } from '@millrace/base';
import type { DurableState } from '../durable-state.js';
import { entryEnd, type EntryKind, type RaftEntry } from '../entry.js';
import { isVoter, majority, type Membership, voterWithId } from '../membership.js';
import type { RaftMessage } from '../messages.js';
import { isSameReplica, type ReplicaKey, replicaName } from '../replica.js';
import type { RaftSettings } from '../settings.js';
import type { LogStart, SnapshotDescription } from '../snapshot.js';
import type { RaftDefect } from './defects.js';
import { Durability } from './durability.js';
import type { OutgoingChunk, OutgoingMessage, RaftAnswer } from './effects.js';
import type { Moment } from './events.js';
import { LogView } from './log-view.js';
import { MembershipHistory } from './membership-history.js';
import type { Role } from './role.js';

export interface RaftCoreOptions {
  readonly self: ReplicaKey;
  readonly settings: RaftSettings;
  readonly durable: DurableState;
  /** Node ids that an observer asks for the leader when its log names no voters. */
  readonly bootstrapIds?: readonly number[];
  /** For tests only. */
  readonly defects?: ReadonlySet<RaftDefect>;
}

export class RaftState {
  readonly self: ReplicaKey;
  readonly settings: RaftSettings;
  readonly bootstrapIds: readonly number[];
  readonly #defects: ReadonlySet<RaftDefect>;
  readonly log: LogView;
  readonly memberships: MembershipHistory;
  readonly durability: Durability;
  term: number;
  vote: ReplicaKey | undefined;
  commit: number;
  /** Everything before this was given out in `committed`. */
  handedOut: number;
  /** The newest snapshot; defined when the log does not start at 0. */
  snapshot: SnapshotDescription | undefined;
  role: Role;
  /** How many times it asked to follow, to ask another replica each time. */
  asked = 0;
  moment: Moment;
  messages: OutgoingMessage[] = [];
  chunks: OutgoingChunk[] = [];
  answers: RaftAnswer[] = [];

  constructor(options: RaftCoreOptions, moment: Moment) {
    const { hardState, start, entries, snapshot } = options.durable;
    this.self = options.self;
    this.settings = options.settings;
    this.bootstrapIds = options.bootstrapIds ?? [];
    this.#defects = options.defects ?? new Set();
    this.log = new LogView(start, entries);
    this.memberships = new MembershipHistory(start, entries);
    this.durability = new Durability(this.log.end);
    this.moment = moment;
    this.term = hardState.term;
    this.vote = hardState.vote;
    assert(
      start.position === 0 || snapshot !== undefined,
      `the log starts at ${start.position} and there is no snapshot`,
    );
    if (snapshot !== undefined) this.noteSnapshot(snapshot.position, snapshot.sizeBytes);
    // Only committed state is ever put into a snapshot.
    this.commit = this.handedOut = this.snapshot?.position ?? start.position;
    this.role = {
      kind: 'follower',
      leader: undefined,
      heardMs: -Infinity,
      deadlineMs: this.drawDeadlineMs(),
      receiving: undefined,
      hint: undefined,
    };
    // Entries may have outlived the term that was saved with them in another file.
    if (this.log.lastTerm > this.term) this.saveHardState(this.log.lastTerm, undefined);
  }

  get members(): Membership {
    return this.memberships.latest;
  }

  get isVoter(): boolean {
    return this.isMember(this.self);
  }

  /**
   * Whether it campaigns: as a voter, and also when its removal may not be committed. It may be the only one that has that
   * entry, with the longest log, so that nobody else can win. Its own vote does not count then.
   */
  get isElectable(): boolean {
    if (this.isVoter) return true;
    if (this.memberships.latestPosition <= this.commit) return false;
    return isVoter(this.memberships.at(this.commit), this.self);
  }

  get majority(): number {
    return majority(this.members);
  }

  get nowMs(): number {
    return this.moment.nowMs;
  }

  hasDefect(defect: RaftDefect): boolean {
    return this.#defects.has(defect);
  }

  isMember(replica: ReplicaKey): boolean {
    if (this.hasDefect('ignoreDirectoryId')) return voterWithId(this.members, replica.id) !== undefined;
    return isVoter(this.members, replica);
  }

  /** The name under which progress and votes of a replica are kept. */
  nameOf(replica: ReplicaKey): string {
    return this.hasDefect('ignoreDirectoryId') ? String(replica.id) : replicaName(replica);
  }

  isSelf(replica: ReplicaKey): boolean {
    if (this.hasDefect('ignoreDirectoryId')) return replica.id === this.self.id;
    return isSameReplica(replica, this.self);
  }

  /** The voters except this replica. */
  peers(): readonly ReplicaKey[] {
    return this.members.voters.filter((voter) => !this.isSelf(voter));
  }

  /** After `fraction` of an election timeout, and up to `spread` times as much again. */
  drawDeadlineMs(fraction = 1, spread = 1): number {
    return this.nowMs + fraction * this.settings.electionTimeoutMs * (1 + spread * this.moment.draw);
  }

  saveHardState(term: number, vote: ReplicaKey | undefined): void {
    assert(term > this.term || (term === this.term && this.vote === undefined), `term ${term} is voted in twice`);
    this.term = term;
    this.vote = vote;
    this.durability.record({ kind: 'hardState', hardState: { term, vote } });
  }

  /** Appends an entry of this leader's term. */
  appendOwn(kind: EntryKind, records: readonly Uint8Array[]): RaftEntry {
    const entry: RaftEntry = { position: this.log.end, term: this.term, kind, records };
    this.append([entry]);
    return entry;
  }

  append(entries: readonly RaftEntry[]): void {
    for (const entry of entries) {
      this.log.append(entry);
      this.memberships.append(entry);
    }
    this.durability.record({ kind: 'append', entries });
  }

  truncate(end: number): void {
    assert(end >= this.commit, `the log is to be cut at ${end}, and is committed to ${this.commit}`);
    this.log.truncateTo(end);
    this.memberships.truncateTo(end);
    this.durability.record({ kind: 'truncate', end });
  }

  advanceCommit(position: number): void {
    assert(position <= this.log.end, `the log ends at ${this.log.end} and is to be committed to ${position}`);
    this.commit = Math.max(this.commit, position);
  }

  /** Everything before this is committed and on this disk: what a follower may safely say it shares with any leader. */
  get syncedCommit(): number {
    return Math.min(this.commit, this.durability.syncedEnd);
  }

  noteSnapshot(position: number, sizeBytes: number): void {
    const term = this.log.termBefore(position);
    assert(
      term !== undefined && this.log.boundaryBefore(position) === position,
      `a snapshot up to ${position} does not fit a log of ${this.log.start} to ${this.log.end}`,
    );
    this.snapshot = { position, term, membership: this.memberships.at(position), sizeBytes };
  }

  advanceStart(position: number): void {
    if (position <= this.log.start) return;
    this.log.advanceStart(position);
    this.memberships.advanceStart(position);
    this.durability.record({ kind: 'advanceStart', start: this.#logStart() });
  }

  installSnapshot(snapshot: SnapshotDescription): void {
    assert(this.role.kind === 'follower', `a ${this.role.kind} is to load a snapshot`);
    assert(snapshot.position > this.commit, `a snapshot up to ${snapshot.position} is older than the log`);
    this.log.reset(snapshot);
    this.memberships.reset(snapshot);
    this.snapshot = snapshot;
    this.commit = snapshot.position;
    this.durability.record({ kind: 'installSnapshot', snapshot });
  }

  /** Sends when the present term and vote are on disk: what every message tells. */
  send(message: RaftMessage): void {
    const isUnsafe = this.hasDefect('voteBeforePersist') && (message.type === 'vote' || message.type === 'voteAnswer');
    this.messages.push({ message, afterToken: isUnsafe ? 0 : this.durability.hardStateToken });
  }

  /** Sends when all that was changed until now is on disk. */
  sendWhenSynced(message: RaftMessage): void {
    this.messages.push({ message, afterToken: this.durability.token });
  }

  /** The head of a message of this replica in its present term. */
  address(to: ReplicaKey): { from: ReplicaKey; to: ReplicaKey; term: number } {
    return { from: this.self, to, term: this.term };
  }

  /** Hands out what is newly committed. Kept to what is on this disk, so that no snapshot of it can pass its log. */
  takeCommitted(): { installed: LogStart | undefined; committed: RaftEntry[] } {
    const until = this.syncedCommit;
    if (until <= this.handedOut) return { installed: undefined, committed: [] };
    const isBehind = this.handedOut < this.log.start;
    const installed = isBehind ? this.#logStart() : undefined;
    const committed = this.log.entries(isBehind ? this.log.start : this.handedOut, until);
    const last = committed.at(-1);
    this.handedOut = last === undefined ? Math.max(this.handedOut, this.log.start) : entryEnd(last);
    return { installed, committed };
  }

  #logStart(): LogStart {
    const term = this.log.termBefore(this.log.start);
    assert(term !== undefined, 'a log has no term before its start');
    return { position: this.log.start, term, membership: this.memberships.at(this.log.start) };
  }
}
