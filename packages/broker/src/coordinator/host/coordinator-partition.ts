/**
 * One partition of a coordinator's topic while this node leads it: a state machine host over it, from the moment the office
 * is taken until it is lost.
 *
 *     loading --> active       all that earlier leaders committed is replayed
 *        \---> loading         the log could not be read, or its end is not committed yet: tried again
 *     active --> loading       what was appended may not be committed: the log alone says what is
 *     any    --> over          the leadership ended; another one gets an object of its own
 *
 * While loading nothing is answered but that it is loading: an offset that was committed is never reported as none.
 */
import {
  backoffMs,
  type Clock,
  errorMessage,
  type Logger,
  type MillraceError,
  type RandomStream,
  sleep,
} from '@millrace/base';
import { protocolError } from '@millrace/protocol';
import { StateMachineHost, type StateMachine } from '@millrace/state-machine';
import type { Leadership } from '../../partition/leadership.js';
import type { Partition } from '../../partition/partition.js';
import type { EntryCodec } from './entry-codec.js';
import { PartitionCommittedLog } from './partition-committed-log.js';

/** What is run, in every partition alike. */
export interface CoordinatorMachine<State, Command, Entry, Reply> {
  /** For messages: "group coordinator". */
  readonly name: string;
  readonly machine: StateMachine<State, Command, Entry, Reply>;
  readonly codec: EntryCodec<Entry>;
}

/** Told of what happens in one partition. */
export interface CoordinatorObserver<State, Entry> {
  /** All that was committed before is in the state; commands are taken from now on. Called again after a reload. */
  loaded(state: State, durationMs: number): void;
  committed(state: State, entries: readonly Entry[]): void;
  /** Nothing that was known of it counts any more. Called once, also where it was never loaded. */
  ended(): void;
}

export interface CoordinatorPartitionOptions<State, Command, Entry, Reply> {
  readonly coordinator: CoordinatorMachine<State, Command, Entry, Reply>;
  readonly observer: CoordinatorObserver<State, Entry>;
  readonly partition: Partition;
  readonly leadership: Leadership;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: RandomStream;
  readonly maxPending: number;
  readonly maxBatchBytes: number;
  /** Others may lead what this node thinks it leads. */
  readonly mayBeReplaced: () => boolean;
}

const retryBackoff = { initialMs: 50, maxMs: 2000, jitter: 0.2 };

export class CoordinatorPartition<State, Command, Entry, Reply> {
  readonly leadership: Leadership;
  readonly #options: CoordinatorPartitionOptions<State, Command, Entry, Reply>;
  readonly #log: PartitionCommittedLog<Entry>;
  readonly #host: StateMachineHost<State, Command, Entry, Reply>;
  readonly #end = new AbortController();
  #isLoading = false;

  constructor(options: CoordinatorPartitionOptions<State, Command, Entry, Reply>) {
    const { coordinator, observer, clock, logger, partition, leadership, maxBatchBytes } = options;
    this.leadership = leadership;
    this.#options = options;
    this.#log = new PartitionCommittedLog({
      partition,
      leadership,
      codec: coordinator.codec,
      wallMs: () => clock.wallMs(),
      pause: () => new Promise((resolve) => clock.nextTurn(resolve)),
      maxBatchBytes,
    });
    this.#host = StateMachineHost.create({
      name: `${coordinator.name} of ${partition.label}`,
      machine: coordinator.machine,
      log: this.#log,
      environment: { clock, logger },
      maxPending: options.maxPending,
      loadingCode: 'COORDINATOR_LOAD_IN_PROGRESS',
      onCommitted: (state, entries) => {
        if (entries.length > 0) observer.committed(state, entries);
      },
      base: () => ({ state: coordinator.machine.initial(), position: 0 }),
    });
    void this.#load();
  }

  /** Whether it takes commands. */
  get isActive(): boolean {
    return !this.#isLoading && this.#host.isActive;
  }

  /** As far as it is committed. */
  get state(): State {
    return this.#host.state;
  }

  submit(command: Command): Promise<Reply> {
    if (!this.#isOver()) {
      if (!this.isActive) {
        void this.#load();
        return Promise.reject(this.#loading());
      }
      const replaced = this.#perhapsReplaced();
      if (replaced !== undefined) return Promise.reject(replaced);
    }
    return this.#host.submit(command);
  }

  /** The office is lost, or the node stops. */
  end(reason: MillraceError): void {
    if (this.#end.signal.aborted) return;
    this.#end.abort();
    this.#log.lost(reason);
    void this.#host.close();
    this.#options.observer.ended();
  }

  async #load(): Promise<void> {
    if (this.#isLoading) return;
    this.#isLoading = true;
    try {
      await this.#loadUntilDone();
    } finally {
      this.#isLoading = false;
    }
  }

  async #loadUntilDone(): Promise<void> {
    const { clock, logger, random, observer, partition } = this.#options;
    const startedMs = clock.monotonicMs();
    for (let attempt = 1; !this.#end.signal.aborted; attempt += 1) {
      try {
        await this.#host.rebuild();
        if (!this.#host.isActive) return;
        this.#isLoading = false;
        observer.loaded(this.#host.state, clock.monotonicMs() - startedMs);
        return;
      } catch (error) {
        if (this.#isOver()) return;
        const facts = { partition: partition.label, attempt, error: errorMessage(error) };
        logger.warn('coordinator cannot load its state; it is tried again', facts);
      }
      if (!(await this.#pause(backoffMs(attempt, retryBackoff, random)))) return;
    }
  }

  /** Asked anew: it may have ended while something was awaited. */
  #isOver(): boolean {
    return this.#end.signal.aborted;
  }

  /** Whoever coordinates now may have put members out: what is known here is not told any more. */
  #perhapsReplaced(): MillraceError | undefined {
    const { partition, mayBeReplaced } = this.#options;
    if (!mayBeReplaced()) return undefined;
    try {
      partition.requireNoOtherLeader();
      return undefined;
    } catch (error) {
      return protocolError('NOT_COORDINATOR', errorMessage(error), error);
    }
  }

  #loading(): MillraceError {
    const { coordinator, partition } = this.#options;
    return protocolError(
      'COORDINATOR_LOAD_IN_PROGRESS',
      `The ${coordinator.name} of ${partition.label} is reading its log; try again in a moment.`,
    );
  }

  /** False when it ended in the meantime. */
  async #pause(delayMs: number): Promise<boolean> {
    try {
      await sleep(this.#options.clock, delayMs, this.#end.signal);
      return true;
    } catch {
      return false;
    }
  }
}
