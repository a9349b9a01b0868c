/**
 * Runs one replica: the core decides, and this file does what it decided with a disk, a network and a clock.
 *
 *     open -> running -> closed     close()
 *                     -> failed     the disk failed, or an invariant broke: nothing is sent, written or promised any more
 *
 * It is also the `CommittedLog` under a state machine. That one appends only while this replica leads; the one way
 * to learn that it does is `replay`, which resolves once the replica leads and all of its log is committed.
 * Entries of kind `term` and `membership` take positions too: a replay, and a follower's feed, leave them out.
 *
 * Persistence is group-committed: changes go to the storage at once, one sync is in flight, and all that was changed
 * meanwhile shares the next one. Messages that wait for a sync leave when it has covered what they tell.
 */
import { assert, type Clock, completion, type Completion, errorMessage, MillraceError } from '@millrace/base';
import type { Logger, RandomStream, Timer } from '@millrace/base';
import type { OutgoingChunk, OutgoingMessage, RaftEffects, StorageOperation } from '../core/effects.js';
import type { RaftEvent } from '../core/events.js';
import type { Progress } from '../core/progress.js';
import { RaftCore } from '../core/raft-core.js';
import type { RaftEntry } from '../entry.js';
import type { Leadership } from '../leadership.js';
import type { Membership } from '../membership.js';
import { type ReplicaKey, replicaName } from '../replica.js';
import { raftSettings, type RaftSettings } from '../settings.js';
import type { LogStart } from '../snapshot.js';
import type { RaftStorage } from './raft-storage.js';
import type { RaftTransport } from './raft-transport.js';

export interface RaftListener {
  /** Each committed entry, in order, once in the life of the driver: on every replica, whether it leads or not. */
  onCommitted?(entry: RaftEntry): void;
  /** A leader's snapshot took the place of the log up to `start.position`: the state is to be loaded from it. */
  onSnapshotInstalled?(start: LogStart): void;
  onLeadership?(leadership: Leadership): void;
  /** The driver has stopped for good. */
  onFailed?(error: unknown): void;
}

export interface RaftDriverOptions {
  readonly self: ReplicaKey;
  readonly storage: RaftStorage;
  readonly transport: RaftTransport;
  readonly clock: Clock;
  /** Draws the election timeouts. */
  readonly random: RandomStream;
  readonly logger: Logger;
  readonly settings?: Partial<RaftSettings>;
  /** Node ids that an observer asks for the leader when its log names no voters yet. */
  readonly bootstrapIds?: readonly number[];
  readonly listener?: RaftListener;
}

/** Messages that wait for a sync; more are dropped, as a network may. */
const maxHeldMessages = 10_000;
/** Snapshot chunks being read from disk; more are dropped, and asked for again. */
const maxChunkReads = 64;

interface Waiter {
  readonly position: number;
  readonly done: Completion<void>;
}

interface Replay {
  readonly from: number;
  readonly apply: (record: Uint8Array, position: number) => void;
  readonly done: Completion<number>;
}

export class RaftDriver {
  readonly #options: RaftDriverOptions;
  readonly #core: RaftCore;
  #phase: 'running' | 'closed' | 'failed' = 'running';
  #failure: unknown;
  #timer: Timer | undefined;
  #timerMs = Infinity;
  /** The last token of the core; what `#syncedToken` has reached is on disk. */
  #token = 0;
  #syncedToken = 0;
  #syncing: Promise<void> | undefined;
  #held: OutgoingMessage[] = [];
  #chunkReads = 0;
  #isFlushing = false;
  #nextId = 1;
  readonly #requests = new Map<number, Completion<number>>();
  /** In order of position. */
  #waiters: Waiter[] = [];
  #replays: Replay[] = [];

  /** See `CommittedLog`. */
  onLost: ((reason: unknown) => void) | undefined;

  /** Loads what the disk has, and takes part. */
  static async open(options: RaftDriverOptions): Promise<RaftDriver> {
    const durable = await options.storage.load();
    const core = new RaftCore(
      {
        self: options.self,
        settings: raftSettings(options.settings),
        durable,
        ...(options.bootstrapIds === undefined ? {} : { bootstrapIds: options.bootstrapIds }),
      },
      { nowMs: options.clock.monotonicMs(), draw: options.random.fraction() },
    );
    return new RaftDriver(options, core);
  }

  private constructor(options: RaftDriverOptions, core: RaftCore) {
    this.#options = options;
    this.#core = core;
    options.transport.onMessage = (message) => {
      if (this.#phase === 'running') this.#step({ kind: 'message', message });
    };
    this.#step({ kind: 'tick' });
  }

  /** One that has stopped takes no part: the core does not hear of it, and may have led. */
  get leadership(): Leadership {
    const { leadership } = this.#core;
    return this.#phase === 'running' ? leadership : { role: 'observer', term: leadership.term, leader: undefined };
  }

  /** The voters according to the latest entry, committed or not. */
  get membership(): Membership {
    return this.#core.state.members;
  }

  get startPosition(): number {
    return this.#core.state.log.start;
  }

  get committedPosition(): number {
    return this.#core.state.handedOut;
  }

  get endPosition(): number {
    return this.#core.state.log.end;
  }

  /** Appends records that survive together or not at all; returns the end of the log. Throws when this replica does not lead. */
  append(records: readonly Uint8Array[]): number {
    this.#assertRunning();
    const id = this.#nextId++;
    const effects = this.#step({ kind: 'propose', id, records });
    const answer = effects?.answers.find((candidate) => candidate.id === id);
    if (answer === undefined) throw this.#stopped();
    if (answer.error !== undefined) throw answer.error;
    this.#flushSoon();
    return answer.position;
  }

  committed(position: number): Promise<void> {
    if (position <= this.committedPosition) return Promise.resolve();
    if (this.#phase !== 'running') return Promise.reject(this.#stopped());
    if (!this.#isLeader()) return Promise.reject(this.#lost());
    assert(position <= this.endPosition, `the log ends at ${this.endPosition} and ${position} is waited for`);
    const waiter = { position, done: completion() };
    const after = this.#waiters.findLastIndex((other) => other.position <= position);
    this.#waiters.splice(after + 1, 0, waiter);
    return waiter.done.promise;
  }

  async barrier(): Promise<void> {
    await this.#request((id) => ({ kind: 'read', id }));
  }

  /**
   * Waits until this replica leads and everything in its log is committed, then gives the records from `from` on and
   * resolves with the end of the log. Rejects when the log starts after `from`, and when the driver stops.
   */
  replay(from: number, apply: (record: Uint8Array, position: number) => void): Promise<number> {
    if (this.#phase !== 'running') return Promise.reject(this.#stopped());
    const replay: Replay = { from, apply, done: completion<number>() };
    this.#replays.push(replay);
    this.#runReplays();
    return replay.done.promise;
  }

  /** Records from `from` to the committed position, for who joins a listener late. */
  committedEntries(from: number): readonly RaftEntry[] {
    const { log, handedOut } = this.#core.state;
    if (from < log.start) throw tooOld(from, log.start);
    return log.entries(from, handedOut);
  }

  /** The state machine has a durable snapshot of everything before `position` or more. */
  advanceStart(position: number): void {
    this.#assertRunning();
    const snapshot = this.#options.storage.snapshot();
    if (snapshot === undefined || position <= this.startPosition) return;
    this.#step({ kind: 'compact', start: position, snapshot });
  }

  /** What the leader knows of those that follow it, voters or not. Nothing, on a replica that does not lead. */
  get followers(): readonly Pick<Progress, 'replica' | 'matched'>[] {
    const { role } = this.#core.state;
    return role.kind === 'leader' ? [...role.followers.values()] : [];
  }

  /** Waits until `replica`, which must follow already, has caught up, and makes it a voter. Only on the leader. */
  async addVoter(replica: ReplicaKey): Promise<void> {
    await this.#request((id) => ({ kind: 'addVoter', id, replica }));
  }

  async removeVoter(replica: ReplicaKey): Promise<void> {
    await this.#request((id) => ({ kind: 'removeVoter', id, replica }));
  }

  /** The process of node `id` has ended, as far as is known: when it led, another leader is elected soon. */
  noteGone(id: number): void {
    this.#step({ kind: 'gone', id });
  }

  /** Hands leadership to a voter, by default to the one with the longest log. Resolves when this replica stepped down. */
  async transferLeadership(to?: number): Promise<void> {
    await this.#request((id) => ({ kind: 'transfer', id, to }));
  }

  /** Stops at once; what waits is rejected. A leader that wants no pause in service transfers leadership first. */
  async close(): Promise<void> {
    if (this.#phase === 'running') {
      this.#phase = 'closed';
      this.#stop(this.#stopped());
    }
    await this.#syncing;
  }

  #step(event: RaftEvent): RaftEffects | undefined {
    if (this.#phase !== 'running') return undefined;
    const { clock, random } = this.#options;
    const wasLeader = this.#isLeader();
    try {
      const effects = this.#core.step(event, { nowMs: clock.monotonicMs(), draw: random.fraction() });
      for (const operation of effects.operations) this.#persist(operation);
      this.#token = effects.token;
      this.#send(effects.messages);
      for (const chunk of effects.chunks) void this.#sendChunk(chunk);
      // Before anything of another leader is handed out: the state machine must not take it for its own.
      if (wasLeader && !this.#isLeader()) this.#loseLeadership();
      this.#handOut(effects);
      this.#arm(effects.nextTickMs);
      this.#syncSoon();
      return effects;
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  #persist(operation: StorageOperation): void {
    const { storage } = this.#options;
    switch (operation.kind) {
      case 'hardState':
        storage.saveHardState(operation.hardState);
        break;
      case 'append':
        storage.append(operation.entries);
        break;
      case 'truncate':
        storage.truncate(operation.end);
        break;
      case 'advanceStart':
        storage.advanceStart(operation.start);
        break;
      case 'receiveSnapshot':
        storage.receiveSnapshot(operation.snapshot, operation.offset, operation.chunk);
        break;
      case 'installSnapshot':
        storage.installSnapshot(operation.snapshot);
        break;
    }
  }

  #send(messages: readonly OutgoingMessage[]): void {
    for (const outgoing of messages) {
      const { message, afterToken } = outgoing;
      if (afterToken <= this.#syncedToken) this.#options.transport.send(message.to.id, message);
      else if (this.#held.length < maxHeldMessages) this.#held.push(outgoing);
    }
  }

  async #sendChunk({ message, maxBytes }: OutgoingChunk): Promise<void> {
    if (this.#chunkReads >= maxChunkReads) return;
    const { storage, transport } = this.#options;
    const { position } = message.snapshot;
    this.#chunkReads += 1;
    try {
      const chunk = maxBytes === 0 ? new Uint8Array(0) : await storage.readSnapshot(position, message.offset, maxBytes);
      if (this.#phase !== 'running') return;
      if (chunk === undefined) this.#step({ kind: 'snapshotGone', to: message.to, position });
      else transport.send(message.to.id, { ...message, chunk });
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#chunkReads -= 1;
    }
  }

  /** In the next turn, so that everything changed in this one shares the sync. */
  #syncSoon(): void {
    if (this.#syncing !== undefined || this.#token === this.#syncedToken) return;
    this.#syncing = this.#sync();
  }

  async #sync(): Promise<void> {
    const turn = completion();
    this.#options.clock.nextTurn(turn.resolve);
    await turn.promise;
    const token = this.#token;
    try {
      if (this.#phase !== 'running') return;
      await this.#options.storage.sync();
      this.#syncing = undefined;
      this.#synced(token);
    } catch (error) {
      this.#fail(error);
    }
  }

  #synced(token: number): void {
    if (this.#phase !== 'running') return;
    this.#syncedToken = token;
    const held = this.#held;
    this.#held = [];
    this.#send(held);
    this.#step({ kind: 'synced', token });
  }

  #handOut(effects: RaftEffects): void {
    const { listener } = this.#options;
    if (effects.installed !== undefined) listener?.onSnapshotInstalled?.(effects.installed);
    for (const entry of effects.committed) listener?.onCommitted?.(entry);
    if (effects.leadership !== undefined) this.#tellLeadership(effects.leadership);
    for (const answer of effects.answers) {
      const request = this.#requests.get(answer.id);
      if (request === undefined) continue;
      this.#requests.delete(answer.id);
      if (answer.error === undefined) request.resolve(answer.position);
      else request.reject(answer.error);
    }
    const released = this.#waiters.findIndex((waiter) => waiter.position > this.committedPosition);
    for (const waiter of this.#waiters.splice(0, released === -1 ? this.#waiters.length : released)) {
      waiter.done.resolve();
    }
    this.#runReplays();
  }

  #tellLeadership(leadership: Leadership): void {
    const { role, term, leader } = leadership;
    this.#options.logger.info('Raft leadership changed', { role, term, leader: leader?.id });
    this.#options.listener?.onLeadership?.(leadership);
  }

  #runReplays(): void {
    const { log, handedOut } = this.#core.state;
    if (this.#replays.length === 0 || !this.#isLeader() || handedOut < log.end) return;
    const replays = this.#replays;
    this.#replays = [];
    for (const { from, apply, done } of replays) {
      try {
        if (from < log.start) throw tooOld(from, log.start);
        for (const entry of log.entries(from)) {
          if (entry.kind !== 'records') continue;
          entry.records.forEach((record, index) => {
            apply(record, entry.position + index);
          });
        }
        done.resolve(log.end);
      } catch (error) {
        done.reject(error);
      }
    }
  }

  #loseLeadership(): void {
    const reason = this.#lost();
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) {
      if (waiter.position <= this.committedPosition) waiter.done.resolve();
      else waiter.done.reject(reason);
    }
    this.onLost?.(reason);
    // A state machine whose replay ended in this very turn does not listen yet, and would take itself for active.
    this.#options.clock.nextTurn(() => {
      if (this.#phase === 'running') this.onLost?.(reason);
    });
  }

  #flushSoon(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    this.#options.clock.nextTurn(() => {
      this.#isFlushing = false;
      this.#step({ kind: 'flush' });
    });
  }

  #arm(nextTickMs: number): void {
    if (this.#phase !== 'running') return;
    // A timer that is early finds nothing to do and is set again; moving it with each message would cost more.
    if (this.#timer !== undefined && this.#timerMs <= nextTickMs) return;
    this.#timer?.cancel();
    this.#timerMs = nextTickMs;
    this.#timer = this.#options.clock.schedule(Math.max(nextTickMs - this.#options.clock.monotonicMs(), 0), () => {
      this.#timer = undefined;
      this.#step({ kind: 'tick' });
    });
  }

  #request(event: (id: number) => RaftEvent): Promise<number> {
    if (this.#phase !== 'running') return Promise.reject(this.#stopped());
    const id = this.#nextId++;
    const done = completion<number>();
    this.#requests.set(id, done);
    this.#step(event(id));
    return done.promise;
  }

  #fail(error: unknown): void {
    if (this.#phase !== 'running') return;
    this.#phase = 'failed';
    this.#failure = error;
    this.#options.logger.error('The Raft replica has stopped', { reason: errorMessage(error) });
    this.#stop(this.#stopped());
    this.#tellLeadership(this.leadership);
    this.#options.listener?.onFailed?.(error);
  }

  #stop(reason: MillraceError): void {
    this.#timer?.cancel();
    this.#options.transport.onMessage = undefined;
    this.#held = [];
    const waiting = [
      ...this.#waiters.map(({ done }) => done),
      ...this.#replays.map(({ done }) => done),
      ...this.#requests.values(),
    ];
    this.#waiters = [];
    this.#replays = [];
    this.#requests.clear();
    for (const done of waiting) done.reject(reason);
    this.onLost?.(reason);
  }

  #isLeader(): boolean {
    return this.leadership.role === 'leader';
  }

  #assertRunning(): void {
    if (this.#phase !== 'running') throw this.#stopped();
  }

  #stopped(): MillraceError {
    const who = replicaName(this.#options.self);
    if (this.#phase === 'closed') {
      return new MillraceError('BROKER_NOT_AVAILABLE', `Raft replica ${who} is closed.`, { retriable: true });
    }
    return new MillraceError(
      'KAFKA_STORAGE_ERROR',
      `Raft replica ${who} has stopped: ${errorMessage(this.#failure)}. Restart the node when its disk is in order.`,
      { cause: this.#failure },
    );
  }

  #lost(): MillraceError {
    const { term, leader } = this.leadership;
    return new MillraceError(
      'NOT_CONTROLLER',
      `Raft replica ${replicaName(this.#options.self)} does not lead in term ${term}; the leader is ` +
        `${leader === undefined ? 'not known' : replicaName(leader)}. What it appended before may be committed or not.`,
      { retriable: true },
    );
  }
}

function tooOld(from: number, start: number): MillraceError {
  return new MillraceError(
    'KAFKA_STORAGE_ERROR',
    `The log is asked for from ${from}, and starts at ${start}: a newer snapshot must be loaded first.`,
    { retriable: true },
  );
}
