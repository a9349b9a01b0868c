/**
 * Judges a run after every event. It knows more than any replica: all messages, all disks, and one chain of hashes over
 * everything that was ever committed.
 */
import { hashBytes, hashEnd, hashNumber, hashStart } from '@millrace/testkit';
import { entryEnd, type RaftEntry } from '../../src/entry.js';
import type { RaftMessage } from '../../src/messages.js';
import { isSameReplica, type ReplicaKey, replicaName } from '../../src/replica.js';
import type { SimulatedReplica } from './simulated-replica.js';

/** A rule of `guarantees` is broken. */
export class Violation extends Error {
  readonly rule: string;

  constructor(rule: string, text: string) {
    super(`${rule}: ${text}`);
    this.rule = rule;
  }
}

export function require(condition: boolean, rule: string, text: () => string): void {
  if (!condition) throw new Violation(rule, text());
}

const entryHashes = new WeakMap<RaftEntry, number>();

export function chainHash(before: number, entry: RaftEntry): number {
  let own = entryHashes.get(entry);
  if (own === undefined) {
    own = hashNumber(hashNumber(hashStart, entry.position), entry.term);
    for (const record of entry.records) own = hashBytes(own, record);
    own = hashEnd(own);
    entryHashes.set(entry, own);
  }
  return hashEnd(hashNumber(before, own));
}

export class Checker {
  /** Hash of everything before a committed position. */
  readonly committed = new Map<number, number>([[0, 0]]);
  committedEnd = 0;
  /** By `<end>:<term>`: the hash of the log up to there, in whatever log it was. */
  readonly #prefixes = new Map<string, number>();
  readonly #leaders = new Map<number, string>();
  readonly #votes = new Map<string, string>();
  readonly #terms = new Map<string, number>();
  maxTerm = 0;

  /** B1. */
  leads(replica: SimulatedReplica): void {
    const { term } = replica.core.leadership;
    const name = replicaName(replica.key);
    const other = this.#leaders.get(term);
    require(other === undefined || other === name, 'B1', () => `${name} and ${other} both lead term ${term}`);
    if (other !== undefined) return;
    this.#leaders.set(term, name);
    // B3, leader completeness. A replica may still win a term that is over; it then misses what came after that.
    if (term < this.maxTerm) return;
    const { log } = replica.core.state;
    const hash = replica.prefixes.get(this.committedEnd);
    require(log.start > this.committedEnd || hash === this.committed.get(this.committedEnd), 'B3', () =>
      `${name} leads term ${term} without what is committed up to ${this.committedEnd}`);
  }

  term(term: number): void {
    this.maxTerm = Math.max(this.maxTerm, term);
  }

  /** B3, log matching: one (end, term) is one log, everywhere. */
  appended(entry: RaftEntry, hash: number): void {
    const key = `${entryEnd(entry)}:${entry.term}`;
    const other = this.#prefixes.get(key);
    require(other === undefined || other === hash, 'B3', () =>
      `two logs differ before ${entryEnd(entry)} in term ${entry.term}`);
    this.#prefixes.set(key, hash);
  }

  /** B3, state machine safety. */
  applied(replica: SimulatedReplica, entry: RaftEntry, hash: number): void {
    const end = entryEnd(entry);
    const known = this.committed.get(end);
    require(known === hash || (known === undefined && entry.position === this.committedEnd), 'B3', () =>
      `${replicaName(replica.key)} applied another entry at ${entry.position}`);
    if (known !== undefined) return;
    this.committed.set(end, hash);
    this.committedEnd = end;
  }

  /** B4 and trap 12: judged from the disks of the voters. */
  leaderCommitted(replica: SimulatedReplica, replicas: readonly SimulatedReplica[]): void {
    const { state } = replica.core;
    const position = state.commit;
    const term = state.log.termBefore(position);
    require(term === state.term || position <= state.log.start, 'B4', () =>
      `an entry of term ${term} was committed by counting in term ${state.term}`);
    const holders = state.members.voters.filter((voter) =>
      replicas.some(
        ({ key, disk }) =>
          isSameReplica(key, voter) && (disk.log.start >= position || disk.log.termBefore(position) === term),
      ),
    );
    require(holders.length > state.members.voters.length / 2, 'B2', () =>
      `${position} is committed and is on ${holders.length} of ${state.members.voters.length} disks`);
  }

  /** B2: what a message tells is on the sender's disk when it leaves. */
  leaves(replica: SimulatedReplica, message: RaftMessage): void {
    const { hardState, log } = replica.disk;
    const isConditional =
      (message.type === 'vote' && message.isPreVote) ||
      (message.type === 'voteAnswer' && message.isPreVote && message.isGranted);
    require(isConditional || hardState.term >= message.term, 'B2', () =>
      `a ${message.type} of term ${message.term} left a disk of term ${hardState.term}`);
    if (message.type === 'appendAnswer' && hardState.term === message.term) {
      require(log.end >= message.matched, 'B2', () =>
        `${message.matched} is acknowledged and the disk ends at ${log.end}`);
    }
    if (message.type === 'vote' && !message.isPreVote) this.#voted(replica.key, message.term, message.from);
    if (message.type === 'voteAnswer' && !message.isPreVote && message.isGranted) {
      this.#voted(replica.key, message.term, message.to);
      require(hardState.term > message.term || isSameReplica(hardState.vote, message.to), 'B2', () =>
        `${replicaName(replica.key)} gave a vote that is not on its disk`);
    }
  }

  /** B1 and B2 as judged from the disks. */
  synced(replica: SimulatedReplica): void {
    const name = replicaName(replica.key);
    const { term, vote } = replica.disk.hardState;
    require(term >= (this.#terms.get(name) ?? 0), 'B2', () => `the term of ${name} went back to ${term}`);
    this.#terms.set(name, term);
    if (vote !== undefined) this.#voted(replica.key, term, vote);
  }

  #voted(voter: ReplicaKey, term: number, candidate: ReplicaKey): void {
    const key = `${replicaName(voter)} ${term}`;
    const other = this.#votes.get(key);
    const name = replicaName(candidate);
    require(other === undefined || other === name, 'B1', () => `${key} voted for ${name} and for ${other}`);
    this.#votes.set(key, name);
  }

  /** B5. */
  changed(replica: SimulatedReplica, entry: RaftEntry): void {
    const { state } = replica.core;
    const before = state.memberships.at(entry.position).voters;
    const after = state.members.voters;
    const added = after.filter((voter) => !before.some((other) => isSameReplica(voter, other)));
    const removed = before.filter((voter) => !after.some((other) => isSameReplica(voter, other)));
    require(added.length + removed.length === 1, 'B5', () => 'a change of more than one voter');
    require(replica.commitBefore > replica.termStart, 'B5', () =>
      'a change before an entry of the own term is committed');
    require(replica.membershipBefore <= replica.commitBefore, 'B5', () =>
      'a change while another one is not committed');
  }
}
