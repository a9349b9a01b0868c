/**
 * Virtual time: runs events one after another, and after each all the promise callbacks it set off, so that an event
 * is one step with nothing left over.
 *
 * Anything that throws, or rejects without being handled, ends the run with an error that names seed and moment.
 */
import { errorMessage, MillraceError, type RandomStream } from '@millrace/base';
import { afterMicrotasks, interceptUnhandledRejections, NodeClock } from '@millrace/base/node';
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
/**
 * Every so many steps the event loop takes a real turn. Only there does Node tell of rejections that nobody handled,
 * and take messages of a parent process; a turn costs as much as a small event.
 */
const stepsPerTurn = 64;

/** Why no further step is taken: `isDone` said so, or nothing is left to run. */
type RunEnd = 'done' | 'over';

/** What is still to be done at the end of a step, for a process. */
interface Ending {
  readonly owner: Incarnation;
  readonly kind: string;
  readonly run: () => void;
}

export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #queue = new EventQueue();
  #endings: Ending[] = [];
  #steps = 0;
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

  /** Runs at the end of this step, when nothing else of it is left: for what several parts of a step add up to. */
  atEndOfStep(owner: Incarnation, kind: string, run: () => void): void {
    this.#endings.push({ owner, kind, run });
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
      let events = 0;
      for (;;) {
        await this.#turn();
        const end = await this.#runSteps((): RunEnd | undefined => {
          if (events > this.#options.eventsMax) this.#fail(`no end after ${events} events`, undefined);
          this.#throwFailure();
          if (isDone()) return 'done';
          const event = this.#next(untilUs);
          if (event === undefined) return 'over';
          events += 1;
          this.#attempt(event.kind, event.owner, event.run);
          return undefined;
        });
        if (end === 'done') return true;
        if (end === 'over') break;
      }
      await this.#turn();
      this.#nowUs = Math.max(this.#nowUs, untilUs);
      return false;
    } finally {
      restore();
      this.#isRunning = false;
    }
  }

  /**
   * Takes one step after another, each once nothing is left of the one before, until the next real turn is due (undefined) or
   * `step` says that it was the last. Callbacks, and not a promise for each step: there are thousands of them in a run.
   */
  #runSteps(step: () => RunEnd | undefined): Promise<RunEnd | undefined> {
    return new Promise((resolve, reject) => {
      const next = (): void => {
        try {
          if (this.#endings.length > 0) this.#finishStep();
          else {
            const end = step();
            if (end !== undefined) {
              resolve(end);
              return;
            }
          }
        } catch (error) {
          const reason = error as Error;
          reject(reason);
          return;
        }
        this.#steps += 1;
        if (this.#steps % stepsPerTurn === 0) resolve(undefined);
        else afterMicrotasks(next);
      };
      next();
    });
  }

  /** The next event up to that moment, taken out of the queue and noted as begun. */
  #next(untilUs: number): SimulationEvent | undefined {
    for (;;) {
      const event = this.#queue.peek();
      if (event === undefined || event.timeUs > untilUs) return undefined;
      this.#queue.pop();
      const { owner } = event;
      if (event.isCancelled || owner?.state === 'ended') continue;
      if (owner?.state === 'paused') {
        owner.held.push(event);
        continue;
      }
      this.#nowUs = event.timeUs;
      this.#eventsRun += 1;
      this.#options.trace.add(event.kind, owner?.node ?? '', event.timeUs);
      return event;
    }
  }

  /** What was put off to the end of the step; it may put off more. */
  #finishStep(): void {
    const endings = this.#endings;
    this.#endings = [];
    for (const { owner, kind, run } of endings) {
      if (owner.state === 'ended') continue;
      if (owner.state === 'running') this.#attempt(kind, owner, run);
      else this.schedule({ owner, delayUs: 0, kind, run });
    }
  }

  #attempt(kind: string, owner: Incarnation | undefined, run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#fail(`a ${kind} event of ${owner?.node ?? 'the simulation'} threw`, error);
    }
  }

  async #turn(): Promise<void> {
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
