/**
 * Runs a state machine over a committed log.
 *
 * Phases and their triggers:
 *
 *     loading -> active    the snapshot is loaded and the log replayed
 *     loading -> failed    snapshot or log cannot be read
 *     active  -> loading   the log is lost, a commit failed, an append failed half way: state thrown away
 *     active  -> lost      the same, where the owner says that it opens another host when the log is its own again
 *     failed  -> loading   rebuild()
 *     any     -> closed    close()
 *
 * Two states are held. `live` has every appended entry applied: decisions are made on it, so that two commands in
 * flight see each other. `committed` is what readers and subscribers see. A command's entries are applied before they
 * are appended: one that cannot be applied never reaches the log, and a failed append leaves both states as they were.
 *
 * A reply is released only when everything appended before it is committed, also when the command changed nothing:
 * a refusal such as "exists already" may rest on an entry that is not committed yet and may still be lost.
 */
import { assert, type Clock, errorMessage, type Logger, MillraceError } from '@millrace/base';
import type { CommittedLog } from './committed-log.js';
import type { SnapshotCodec } from './snapshot-codec.js';
import type { SnapshotStore } from './snapshot-store.js';
import type { Decision, StateMachine } from './state-machine.js';

export interface StateMachineHostOptions<State, Command, Entry, Reply> {
  /** For messages: "controller", "group coordinator". */
  readonly name: string;
  readonly machine: StateMachine<State, Command, Entry, Reply>;
  readonly log: CommittedLog<Entry>;
  readonly environment: { readonly clock: Clock; readonly logger: Logger };
  /** Commands and reads that wait for their commit; one more is refused with `THROTTLING_QUOTA_EXCEEDED`. */
  readonly maxPending: number;
  /** Code of the retriable error for calls while the state is being rebuilt. */
  readonly loadingCode: string;
  /** Called once per decision, in order, before its reply is released; and with no entries after a rebuild. */
  readonly onCommitted?: (state: State, entries: readonly Entry[], position: number) => void;
  readonly snapshots?: SnapshotPolicy<State>;
  /** Told when the state was thrown away and cannot be built again: nothing is answered until a `rebuild` succeeds. */
  readonly onFailed?: (error: unknown) => void;
  /**
   * The state at a position that is committed, where somebody else follows the log anyway: taken instead of a snapshot.
   * Once the log is lost this host is of no use any more, and what it is asked is refused with the reason.
   */
  readonly base?: () => StateAt<State>;
}

export interface StateAt<State> {
  readonly state: State;
  readonly position: number;
}

export interface SnapshotPolicy<State> {
  readonly store: SnapshotStore;
  readonly codec: SnapshotCodec<State>;
  /** A snapshot is written when so many entries were committed since the last one. */
  readonly everyEntries: number;
}

/** A reply waiting for its commit. */
interface Pending<State, Entry> {
  readonly position: number;
  readonly state: State;
  readonly entries: readonly Entry[];
  readonly release: () => void;
  readonly reject: (error: unknown) => void;
}

export class StateMachineHost<State, Command, Entry, Reply> {
  readonly #options: StateMachineHostOptions<State, Command, Entry, Reply>;
  #phase: 'loading' | 'active' | 'failed' | 'lost' | 'closed' = 'loading';
  /** Counts rebuilds: what began under an older number must not touch anything any more. */
  #generation = 0;
  /** All entries before `log.endPosition` applied. Moved by submit and rebuild. */
  #live: State;
  /** All entries before `#position` applied. Moved by `#releaseCommitted` and rebuild. */
  #committed: State;
  #position = 0;
  /** In order of position; all at or after `#position`. */
  #pending: Pending<State, Entry>[] = [];
  #readsPending = 0;
  /** The generation whose oldest reply is being waited for; -1: none. */
  #waitingGeneration = -1;
  #failure: unknown;
  #rebuilding: Promise<void> = Promise.resolve();
  #snapshotPosition = 0;
  #snapshotting: Promise<void> | undefined;

  /** Loads the newest snapshot, replays the log after it, and is ready for commands. */
  static async open<State, Command, Entry, Reply>(
    options: StateMachineHostOptions<State, Command, Entry, Reply>,
  ): Promise<StateMachineHost<State, Command, Entry, Reply>> {
    const host = StateMachineHost.create(options);
    await host.rebuild();
    return host;
  }

  /** Not open yet: `rebuild` opens it. For owners who may have to close it before it is. */
  static create<State, Command, Entry, Reply>(
    options: StateMachineHostOptions<State, Command, Entry, Reply>,
  ): StateMachineHost<State, Command, Entry, Reply> {
    return new StateMachineHost(options);
  }

  private constructor(options: StateMachineHostOptions<State, Command, Entry, Reply>) {
    this.#options = options;
    this.#live = this.#committed = options.machine.initial();
    options.log.onLost = (reason) => {
      this.resign(reason);
    };
  }

  /** The committed state. Not linearizable by itself; see {@link read}. */
  get state(): State {
    return this.#committed;
  }

  /** Everything before this position is committed and in {@link state}. */
  get position(): number {
    return this.#position;
  }

  get isActive(): boolean {
    return this.#phase === 'active';
  }

  /** Decides at once; resolves with the reply when all that it rests on is committed. */
  submit(command: Command): Promise<Reply> {
    const unavailable = this.#unavailable();
    if (unavailable !== undefined) return rejected(unavailable);
    const { log, machine, environment } = this.#options;
    const start = log.endPosition;
    let decision: Decision<Entry, Reply>;
    let next = this.#live;
    try {
      decision = machine.decide(this.#live, command, environment.clock.wallMs(), start);
      decision.entries.forEach((entry, index) => {
        next = machine.apply(next, entry, start + index);
      });
    } catch (error) {
      return this.#whenCommitted(start, [], (_resolve, reject) => {
        reject(error);
      });
    }
    const { entries, reply } = decision;
    if (entries.length > 0) {
      try {
        const end = log.append(entries);
        assert(end === start + entries.length, `${entries.length} entries appended at ${start} end at ${end}`);
      } catch (error) {
        if (log.endPosition !== start) this.resign(error);
        return rejected(error);
      }
      this.#live = next;
    }
    return this.#whenCommitted(start + entries.length, entries, (resolve) => {
      resolve(reply);
    });
  }

  /** A state that holds at least all that was committed anywhere when this was called. */
  async read(): Promise<State> {
    const unavailable = this.#unavailable();
    if (unavailable !== undefined) return rejected(unavailable);
    const generation = this.#generation;
    this.#readsPending += 1;
    try {
      await this.#options.log.barrier();
    } finally {
      this.#readsPending -= 1;
    }
    if (generation !== this.#generation || this.#phase !== 'active') throw this.#loading();
    // The barrier may resolve before the wait for the same commit does.
    this.#releaseCommitted();
    return this.#committed;
  }

  /**
   * Leadership over the log is lost: every waiting call is rejected with `reason` (its outcome is unknown), the state is
   * thrown away and rebuilt from what is committed.
   */
  resign(reason: unknown): void {
    if (this.#phase !== 'active') return;
    if (this.#options.base !== undefined) {
      this.#lose(reason);
      return;
    }
    this.#rejectAll(reason);
    this.rebuild().catch((error: unknown) => {
      this.#options.environment.logger.error(`The ${this.#options.name} cannot rebuild its state`, {
        reason: errorMessage(error),
      });
      this.#options.onFailed?.(error);
    });
  }

  #lose(reason: unknown): void {
    this.#phase = 'lost';
    this.#failure = reason;
    this.#generation += 1;
    this.#rejectAll(reason);
  }

  /** Throws the state away and builds it again from snapshot and log. Called again after a failure it tries anew. */
  rebuild(): Promise<void> {
    assert(this.#phase !== 'closed', `the ${this.#options.name} is closed`);
    this.#phase = 'loading';
    this.#generation += 1;
    this.#rejectAll(this.#loading());
    const generation = this.#generation;
    this.#rebuilding = this.#rebuilding.then(
      () => this.#replay(generation),
      () => this.#replay(generation),
    );
    return this.#rebuilding;
  }

  /** Writes a snapshot of the committed state now. Resolves at once when there is nothing new or no snapshot store. */
  snapshot(): Promise<void> {
    const policy = this.#options.snapshots;
    if (policy === undefined || this.#phase !== 'active') return Promise.resolve();
    this.#snapshotting ??= this.#writeSnapshot(policy).finally(() => {
      this.#snapshotting = undefined;
    });
    return this.#snapshotting;
  }

  /** Rejects what waits and stops. The log stays open: it is the owner's. */
  async close(): Promise<void> {
    if (this.#phase === 'closed') return;
    this.#phase = 'closed';
    this.#generation += 1;
    this.#options.log.onLost = undefined;
    this.#rejectAll(this.#closed());
    await Promise.allSettled([this.#rebuilding, this.#snapshotting]);
  }

  async #replay(generation: number): Promise<void> {
    if (generation !== this.#generation) return;
    const { log, machine, name, onCommitted } = this.#options;
    try {
      const from = this.#loadSnapshot();
      let state = this.#committed;
      const end = await log.replay(from, (entry, position) => {
        state = machine.apply(state, entry, position);
      });
      if (generation !== this.#generation) return;
      assert(end === log.endPosition, `the ${name} replayed to ${end}, but its log ends at ${log.endPosition}`);
      this.#live = this.#committed = state;
      this.#position = end;
      this.#failure = undefined;
      this.#phase = 'active';
    } catch (error) {
      if (generation === this.#generation) {
        this.#failure = error;
        this.#phase = 'failed';
      }
      throw error;
    }
    onCommitted?.(this.#committed, [], this.#position);
  }

  /** Sets the committed state to the newest snapshot or the initial state; returns from where to replay. */
  #loadSnapshot(): number {
    const { log, machine, snapshots, name, base } = this.#options;
    if (base !== undefined) {
      const { state, position } = base();
      this.#committed = state;
      return position;
    }
    const snapshot = snapshots?.store.latest();
    const position = snapshot?.position ?? 0;
    // Going on would silently forget entries: the ones that only the log held, or the ones that only the snapshot holds.
    if (position < log.startPosition || position > log.endPosition) {
      throw new MillraceError(
        'KAFKA_STORAGE_ERROR',
        `The ${name} has a snapshot up to ${position}, but its log holds ${log.startPosition} to ${log.endPosition}. ` +
          'Files of the log or the snapshot are missing: restore the directory from a copy.',
      );
    }
    this.#snapshotPosition = position;
    this.#committed =
      snapshot === undefined || snapshots === undefined
        ? machine.initial()
        : snapshots.codec.decode(snapshot.chunks, position);
    return position;
  }

  #whenCommitted<Value>(
    position: number,
    entries: readonly Entry[],
    settle: (resolve: (value: Value) => void, reject: (error: unknown) => void) => void,
  ): Promise<Value> {
    return new Promise<Value>((resolve, reject) => {
      const release = (): void => {
        settle(resolve, reject);
      };
      this.#pending.push({ position, state: this.#live, entries, release, reject });
      if (this.#waitingGeneration !== this.#generation) void this.#waitForCommits(this.#generation);
    });
  }

  /** One wait at a time, for the oldest: when it is over, the log says how far it got and all up to there are released. */
  async #waitForCommits(generation: number): Promise<void> {
    this.#waitingGeneration = generation;
    try {
      for (let head = this.#pending[0]; head !== undefined; head = this.#pending[0]) {
        const { log } = this.#options;
        await log.committed(head.position);
        if (generation !== this.#generation) return;
        assert(log.committedPosition >= head.position, `the log is committed to ${head.position}, and says it is not`);
        this.#releaseCommitted();
      }
      this.#waitingGeneration = -1;
    } catch (error) {
      if (generation === this.#generation) this.resign(error);
    }
  }

  #releaseCommitted(): void {
    const { log, onCommitted, snapshots } = this.#options;
    const committed = log.committedPosition;
    let count = 0;
    for (const pending of this.#pending) {
      if (pending.position > committed) break;
      count += 1;
      assert(pending.position >= this.#position, `position ${pending.position} is released after ${this.#position}`);
      this.#committed = pending.state;
      this.#position = pending.position;
      if (pending.entries.length > 0) onCommitted?.(pending.state, pending.entries, pending.position);
      pending.release();
    }
    this.#pending.splice(0, count);
    if (snapshots !== undefined && this.#position - this.#snapshotPosition >= snapshots.everyEntries) {
      this.snapshot().catch((error: unknown) => {
        this.#options.environment.logger.error('A snapshot could not be written; the log is kept whole', {
          machine: this.#options.name,
          reason: errorMessage(error),
        });
      });
    }
  }

  async #writeSnapshot({ store, codec }: SnapshotPolicy<State>): Promise<void> {
    const position = this.#position;
    if (position === this.#snapshotPosition) return;
    // Counts from here also when the write fails: the next attempt comes after as many entries again, not at once.
    this.#snapshotPosition = position;
    await store.write(position, codec.encode(this.#committed));
    await this.#options.log.advanceStart(store.safeStart());
  }

  #rejectAll(reason: unknown): void {
    const pending = this.#pending;
    this.#pending = [];
    for (const { reject } of pending) reject(reason);
  }

  #unavailable(): unknown {
    const { name, maxPending } = this.#options;
    if (this.#phase === 'lost') return this.#failure;
    if (this.#phase === 'closed') return this.#closed();
    if (this.#phase === 'loading') return this.#loading();
    if (this.#phase === 'failed') {
      return new MillraceError(
        'KAFKA_STORAGE_ERROR',
        `The ${name} could not read its log back: ${errorMessage(this.#failure)}`,
        { cause: this.#failure },
      );
    }
    if (this.#pending.length + this.#readsPending < maxPending) return undefined;
    return new MillraceError(
      'THROTTLING_QUOTA_EXCEEDED',
      `The ${name} has ${maxPending} commands waiting to be committed; try again later.`,
      { retriable: true },
    );
  }

  #loading(): MillraceError {
    const { name, loadingCode } = this.#options;
    return new MillraceError(loadingCode, `The ${name} is reading its log; try again in a moment.`, {
      retriable: true,
    });
  }

  #closed(): MillraceError {
    return new MillraceError('BROKER_NOT_AVAILABLE', `The ${this.#options.name} is closed.`, { retriable: true });
  }
}

function rejected(reason: unknown): Promise<never> {
  return Promise.reject(reason instanceof Error ? reason : new Error(String(reason)));
}
