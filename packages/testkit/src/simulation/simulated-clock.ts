import type { Clock, RandomStream, Timer } from '@millrace/base';
import { startWallMs } from '../clock/manual-clock.js';
import type { Incarnation } from './incarnation.js';
import type { Scheduler } from './scheduler.js';

/** How the wall clock of a node differs from the simulation's time. */
export interface WallClock {
  offsetMs: number;
  /** 1 is exact; 1.001 gains a millisecond each second. */
  rate: number;
}

/** Timers fire up to this late, as on a busy machine. */
const latenessMaxUs = 1000;

/** A turn of the event loop takes this long at most: work that goes on for ever still lets time pass. */
const turnMaxUs = 20;

export class SimulatedClock implements Clock {
  readonly #scheduler: Scheduler;
  readonly #incarnation: Incarnation;
  readonly #wall: WallClock;
  readonly #random: RandomStream;

  constructor(scheduler: Scheduler, incarnation: Incarnation, options: { wall: WallClock; random: RandomStream }) {
    this.#scheduler = scheduler;
    this.#incarnation = incarnation;
    this.#wall = options.wall;
    this.#random = options.random;
  }

  monotonicMs(): number {
    return this.#scheduler.nowUs / 1000;
  }

  wallMs(): number {
    return Math.floor(startWallMs + this.#wall.offsetMs + (this.#scheduler.nowUs / 1000) * this.#wall.rate);
  }

  schedule(delayMs: number, callback: () => void): Timer {
    const delayUs = Math.ceil(Math.max(delayMs, 0) * 1000) + this.#random.integer(0, latenessMaxUs);
    const event = this.#scheduler.schedule({ owner: this.#incarnation, delayUs, kind: 'timer', run: callback });
    return {
      cancel: () => {
        event.isCancelled = true;
      },
    };
  }

  nextTurn(callback: () => void): void {
    const delayUs = this.#random.integer(1, turnMaxUs);
    this.#scheduler.schedule({ owner: this.#incarnation, delayUs, kind: 'turn', run: callback });
  }
}
