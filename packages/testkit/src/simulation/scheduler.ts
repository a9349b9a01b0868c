/**
 * Virtual time: runs events one after another, and after each all the promise callbacks it set off, so that an event
 * is one step with nothing left over.
 *
 * Anything that throws, or rejects without being handled, ends the run with an error that names seed and moment.
 */
import { errorMessage, MillraceError, type RandomStream } from '@millrace/base';
import { interceptUnhandledRejections, NodeClock } from '@millrace/base/node';
import { EventQueue, type SimulationEvent } from './event-queue.js';
import type { Incarnation } from './incarnation.js';
import type { Trace } from './trace.js';

export interface EventOptions {
  readonly owner: Incarnation | undefined;
  readonly delayUs: number;
  readonly kind: string;
  readonly run: () => void;
}

export interface SchedulerOptions {
  readonly seed: number | string;
  readonly random: RandomStream;
  readonly trace: Trace;
  /** A run that needs more events than this in one go is taken to be stuck in a loop. */
  readonly eventsMax: number;
}

const realClock = new NodeClock();

export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #queue = new EventQueue();
  #nowUs = 0;
  #sequence = 0;
  #eventsRun = 0;
  #isRunning = false;
  #failure: MillraceError | undefined;

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  get nowUs(): number {
    return this.#nowUs;
  }

  get eventsRun(): number {
    return this.#eventsRun;
  }

  schedule(options: EventOptions): SimulationEvent {
    const event: SimulationEvent = {
      timeUs: this.#nowUs + Math.max(Math.round(options.delayUs), 0),
      tie: this.#options.random.integer(0, 2 ** 31),
      sequence: this.#sequence,
      kind: options.kind,
      owner: options.owner,
      run: options.run,
      isCancelled: false,
    };
    this.#sequence += 1;
    this.#queue.push(event);
    return event;
  }

  /** Events held during a pause happen now, in their order. */
  release(incarnation: Incarnation): void {
    const { held } = incarnation;
    incarnation.held = [];
    for (const [index, event] of held.entries()) {
      // The same object: its timer may still be cancelled.
      event.timeUs = this.#nowUs;
      event.tie = -1;
      event.sequence = index;
      this.#queue.push(event);
    }
  }

  /**
   * Runs events until `isDone` says so after one, or the next one lies after `untilUs`, or none is left. Returns the
   * last word of `isDone`.
   */
  async run(untilUs: number, isDone: () => boolean): Promise<boolean> {
    if (this.#isRunning) throw new MillraceError('ASSERTION_FAILED', 'A simulation cannot be run from inside itself.');
    this.#isRunning = true;
    const restore = interceptUnhandledRejections((reason) => {
      this.#fail('a promise was rejected and nobody handled it', reason);
    });
    try {
      await this.#drain();
      let events = 0;
      for (;;) {
        if (isDone()) return true;
        const event = this.#queue.peek();
        if (event === undefined || event.timeUs > untilUs) break;
        this.#queue.pop();
        if (!this.#step(event)) continue;
        await this.#drain();
        events += 1;
        if (events > this.#options.eventsMax) this.#fail(`no end after ${events} events`, undefined);
        this.#throwFailure();
      }
      this.#nowUs = Math.max(this.#nowUs, untilUs);
      return false;
    } finally {
      restore();
      this.#isRunning = false;
    }
  }

  /** Returns whether anything ran. */
  #step(event: SimulationEvent): boolean {
    const { owner } = event;
    if (event.isCancelled || owner?.state === 'ended') return false;
    if (owner?.state === 'paused') {
      owner.held.push(event);
      return false;
    }
    this.#nowUs = event.timeUs;
    this.#eventsRun += 1;
    this.#options.trace.add(event.kind, owner?.node ?? '', event.timeUs);
    try {
      event.run();
    } catch (error) {
      this.#fail(`a ${event.kind} event of ${owner?.node ?? 'the simulation'} threw`, error);
    }
    return true;
  }

  /** Waits until all promise callbacks have run: a real turn of the event loop comes after them. */
  async #drain(): Promise<void> {
    await new Promise<void>((resolve) => {
      realClock.nextTurn(resolve);
    });
    this.#throwFailure();
  }

  #fail(what: string, cause: unknown): void {
    const detail = cause === undefined ? '' : `: ${errorMessage(cause)}`;
    this.#failure ??= new MillraceError(
      'SIMULATION_FAILED',
      `Seed ${this.#options.seed} at ${this.#nowUs / 1000} ms: ${what}${detail}`,
      { cause },
    );
  }

  #throwFailure(): void {
    const failure = this.#failure;
    if (failure === undefined) return;
    this.#failure = undefined;
    throw failure;
  }
}
