/**
 * One replica: a core, a disk, and what `RaftDriver` does between them, on virtual time.
 *
 * Its state machine is the hash chain of the entries; a snapshot is that hash, padded so that it travels in chunks.
 */
import type { RandomStream } from '@millrace/base';
import type { RaftDefect } from '../../src/core/defects.js';
import type { OutgoingMessage, RaftEffects } from '../../src/core/effects.js';
import type { RaftEvent } from '../../src/core/events.js';
import { RaftCore } from '../../src/core/raft-core.js';
import { entryEnd, type RaftEntry } from '../../src/entry.js';
import type { Leadership } from '../../src/leadership.js';
import type { Membership } from '../../src/membership.js';
import type { RaftMessage } from '../../src/messages.js';
import { type ReplicaKey, replicaName } from '../../src/replica.js';
import type { RaftSettings } from '../../src/settings.js';
import { chainHash, type Checker, require } from './checker.js';
import { SimulatedReplicaDisk } from './simulated-replica-disk.js';

/** What a replica needs of the world around it. */
export interface ReplicaHost {
  readonly settings: RaftSettings;
  readonly checker: Checker;
  readonly random: RandomStream;
  readonly bootstrapIds: readonly number[];
  readonly defects: ReadonlySet<RaftDefect>;
  nowMs(): number;
  transmit(from: SimulatedReplica, message: RaftMessage): void;
  syncSoon(replica: SimulatedReplica, token: number): void;
  flushSoon(replica: SimulatedReplica): void;
  wake(replica: SimulatedReplica, atMs: number): void;
  answered(replica: SimulatedReplica, answer: RaftEffects['answers'][number]): void;
  mark(name: string): void;
  allReplicas(): readonly SimulatedReplica[];
}

const snapshotBytes = 150;

export class SimulatedReplica {
  readonly key: ReplicaKey;
  readonly disk: SimulatedReplicaDisk;
  readonly #host: ReplicaHost;
  core: RaftCore;
  isUp = true;
  /** Counts lives: events meant for an earlier one are dropped. */
  life = 0;
  pausedUntilMs = 0;
  /** Hash of its own log before each position in it. */
  prefixes = new Map<number, number>();
  applied = 0;
  appliedHash = 0;
  commitBefore = 0;
  termStart = 0;
  membershipBefore = 0;
  #held: OutgoingMessage[] = [];
  #token = 0;
  #syncedToken = 0;
  #isSyncing = false;
  #wakeMs = Infinity;

  constructor(key: ReplicaKey, membership: Membership, host: ReplicaHost) {
    this.key = key;
    this.#host = host;
    this.disk = new SimulatedReplicaDisk(membership);
    this.core = this.#load();
  }

  get role(): Leadership['role'] | 'down' {
    return this.isUp ? this.core.leadership.role : 'down';
  }

  start(): void {
    this.life += 1;
    this.isUp = true;
    this.core = this.#load();
    this.step({ kind: 'tick' });
  }

  crash(): void {
    this.isUp = false;
    this.life += 1;
    if (this.disk.crash(this.#host.random) > 0) this.#host.mark('unsynced changes lost');
    this.#host.checker.synced(this);
  }

  step(event: RaftEvent): void {
    if (!this.isUp) return;
    const { checker } = this.#host;
    const { state } = this.core;
    const before = this.core.leadership;
    this.commitBefore = state.commit;
    this.termStart = state.role.kind === 'leader' ? state.role.termStart : Infinity;
    this.membershipBefore = state.memberships.latestPosition;
    const effects = this.core.step(event, { nowMs: this.#host.nowMs(), draw: this.#host.random.fraction() });
    this.#token = effects.token;
    checker.term(state.term);
    this.#persist(effects, before);
    const leadership = this.core.leadership;
    if (effects.leadership !== undefined) this.#markTransition(before, leadership);
    if (leadership.role === 'leader') {
      checker.leads(this);
      if (state.commit > this.commitBefore) checker.leaderCommitted(this, this.#host.allReplicas());
    }
    this.#send(effects.messages);
    for (const { message, maxBytes } of effects.chunks) {
      const chunk = this.disk.snapshots
        .get(message.snapshot.position)
        ?.subarray(message.offset, message.offset + maxBytes);
      if (chunk === undefined) {
        this.#host.mark('snapshot gone');
        this.step({ kind: 'snapshotGone', to: message.to, position: message.snapshot.position });
      } else this.#host.transmit(this, { ...message, chunk });
    }
    this.#apply(effects);
    for (const answer of effects.answers) this.#host.answered(this, answer);
    if (this.core.state.role.kind === 'leader' && this.core.state.role.isUnflushed) this.#host.flushSoon(this);
    if (effects.nextTickMs < this.#wakeMs) {
      this.#wakeMs = effects.nextTickMs;
      this.#host.wake(this, effects.nextTickMs);
    }
    this.#sync();
  }

  wakeUp(): void {
    this.#wakeMs = Infinity;
    this.step({ kind: 'tick' });
  }

  synced(token: number): void {
    this.disk.sync(token);
    this.#host.checker.synced(this);
    this.#isSyncing = false;
    this.#syncedToken = token;
    const held = this.#held;
    this.#held = [];
    this.#send(held);
    this.step({ kind: 'synced', token });
  }

  /** Writes a snapshot of what is applied, and lets the log start there or at the one before. */
  compact(isEager: boolean): void {
    if (!this.isUp || this.applied <= (this.core.state.snapshot?.position ?? 0)) return;
    const content = Buffer.alloc(snapshotBytes, this.applied % 251);
    content.writeDoubleBE(this.appliedHash, 0);
    this.disk.snapshots.set(this.applied, content);
    const positions = [...this.disk.snapshots.keys()].sort((a, b) => b - a);
    for (const old of positions.slice(2)) this.disk.snapshots.delete(old);
    const start = isEager ? this.applied : (positions[1] ?? 0);
    this.#host.mark('snapshot written');
    this.step({ kind: 'compact', start, snapshot: { position: this.applied, sizeBytes: snapshotBytes } });
  }

  #load(): RaftCore {
    const { settings, bootstrapIds, defects, checker } = this.#host;
    const durable = this.disk.load();
    this.#held = [];
    this.#token = this.#syncedToken = 0;
    this.#isSyncing = false;
    this.#wakeMs = Infinity;
    require(durable.start.position === 0 ||
      this.disk.snapshots.has(durable.start.position) ||
      durable.snapshot !== undefined, 'B7', () =>
      `the log of ${replicaName(this.key)} starts at ${durable.start.position} without a snapshot`);
    this.#loadSnapshot(durable.snapshot?.position ?? 0);
    this.prefixes = new Map([[durable.start.position, this.#startHash(durable.start.position)]]);
    let hash = this.#startHash(durable.start.position);
    for (const entry of durable.entries) {
      hash = chainHash(hash, entry);
      checker.appended(entry, hash);
      this.prefixes.set(entryEnd(entry), hash);
    }
    return new RaftCore(
      { self: this.key, settings, durable, bootstrapIds, defects },
      { nowMs: this.#host.nowMs(), draw: this.#host.random.fraction() },
    );
  }

  /** What is before the start of a log was committed. */
  #startHash(position: number): number {
    const hash = this.#host.checker.committed.get(position);
    require(hash !== undefined, 'B7', () => `a log starts at ${position}, which nobody committed`);
    return hash ?? 0;
  }

  #loadSnapshot(position: number): void {
    this.applied = position;
    this.appliedHash = 0;
    if (position === 0) return;
    const content = this.disk.snapshots.get(position);
    require(content?.length === snapshotBytes, 'B7', () => `the snapshot up to ${position} is not whole`);
    this.appliedHash = Buffer.from(content ?? []).readDoubleBE(0);
    require(this.appliedHash === this.#host.checker.committed.get(position), 'B7', () =>
      `the snapshot up to ${position} holds another state than the log`);
  }

  #persist(effects: RaftEffects, before: Leadership): void {
    const { checker } = this.#host;
    for (const operation of effects.operations) {
      if (operation.kind === 'append') {
        for (const entry of operation.entries) {
          const hash = chainHash(this.prefixes.get(entry.position) ?? -1, entry);
          checker.appended(entry, hash);
          this.prefixes.set(entryEnd(entry), hash);
          if (entry.kind === 'membership' && before.role === 'leader') checker.changed(this, entry);
        }
      } else if (operation.kind === 'truncate') {
        this.#host.mark('log cut');
        for (const position of this.prefixes.keys()) if (position > operation.end) this.prefixes.delete(position);
      } else if (operation.kind === 'installSnapshot') {
        require(before.role !== 'leader', 'B7', () => 'a leader loads a snapshot');
        const { position } = operation.snapshot;
        this.prefixes = new Map([[position, this.#startHash(position)]]);
      }
    }
    this.disk.write(effects.operations, effects.token);
  }

  #apply(effects: RaftEffects): void {
    if (effects.installed !== undefined) {
      this.#host.mark('snapshot installed');
      this.#loadSnapshot(effects.installed.position);
    }
    for (const entry of effects.committed) this.#applyEntry(entry);
  }

  #applyEntry(entry: RaftEntry): void {
    require(entry.position === this.applied, 'B3', () => `${entry.position} is applied after ${this.applied}`);
    this.appliedHash = chainHash(this.appliedHash, entry);
    this.applied = entryEnd(entry);
    this.#host.checker.applied(this, entry, this.appliedHash);
  }

  #send(messages: readonly OutgoingMessage[]): void {
    for (const outgoing of messages) {
      if (outgoing.afterToken > this.#syncedToken) this.#held.push(outgoing);
      else {
        this.#host.checker.leaves(this, outgoing.message);
        this.#host.transmit(this, outgoing.message);
      }
    }
  }

  #sync(): void {
    if (this.#isSyncing || this.#token === this.#syncedToken) return;
    this.#isSyncing = true;
    this.#host.syncSoon(this, this.#token);
  }

  #markTransition(before: Leadership, after: Leadership): void {
    if (before.role === after.role) return;
    this.#host.mark(`${before.role} -> ${after.role}`);
  }
}
