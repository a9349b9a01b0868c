import type { Clock, Timer } from '@millrace/base';

interface PendingTimer {
  readonly dueMs: number;
  readonly callback: () => void;
  isCancelled: boolean;
}

/** The first of January 2026. */
export const startWallMs = 1_767_225_600_000;

/** A clock that stands still until the test moves it. Due timers run inside `advance`, in order of their due time. */
export class ManualClock implements Clock {
  #monotonicMs: number;
  #wallMs: number;
  #timers: PendingTimer[] = [];
  #turns: (() => void)[] = [];

  constructor(options: { readonly monotonicMs?: number; readonly wallMs?: number } = {}) {
    this.#monotonicMs = options.monotonicMs ?? 0;
    this.#wallMs = options.wallMs ?? startWallMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  wallMs(): number {
    return Math.floor(this.#wallMs);
  }

  /** Jumps the wall clock, either way; monotonic time and timers stay. */
  setWallMs(wallMs: number): void {
    this.#wallMs = wallMs;
  }

  schedule(delayMs: number, callback: () => void): Timer {
    const timer: PendingTimer = { dueMs: this.#monotonicMs + Math.max(delayMs, 0), callback, isCancelled: false };
    const after = this.#timers.findIndex((other) => other.dueMs > timer.dueMs);
    this.#timers.splice(after === -1 ? this.#timers.length : after, 0, timer);
    return {
      cancel: () => {
        timer.isCancelled = true;
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  nextTurn(callback: () => void): void {
    this.#turns.push(callback);
  }

  /** How many timers have neither fired nor been cancelled. */
  get pendingTimers(): number {
    return this.#timers.length;
  }

  /** Runs the callbacks given to `nextTurn` until now; those that they add wait for the next call. */
  turn(): void {
    const turns = this.#turns;
    this.#turns = [];
    for (const callback of turns) callback();
  }

  /** Moves time forward, stopping at each timer on the way, with a turn before and after. */
  advance(byMs: number): void {
    const untilMs = this.#monotonicMs + byMs;
    this.turn();
    for (;;) {
      const timer = this.#timers[0];
      if (timer === undefined || timer.dueMs > untilMs) break;
      this.#timers.shift();
      this.#moveTo(timer.dueMs);
      if (!timer.isCancelled) timer.callback();
      this.turn();
    }
    this.#moveTo(untilMs);
  }

  #moveTo(monotonicMs: number): void {
    this.#wallMs += monotonicMs - this.#monotonicMs;
    this.#monotonicMs = monotonicMs;
  }
}
