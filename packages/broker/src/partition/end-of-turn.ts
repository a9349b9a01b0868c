/**
 * Does something once at the end of the event-loop turn, however often it was asked for: what arrived from many sockets
 * in one turn is then dealt with together.
 */
import type { Clock } from '@millrace/base';

export interface EndOfTurnTask {
  runAtEndOfTurn(): void;
}

export class EndOfTurn {
  readonly #clock: Clock;
  #tasks = new Set<EndOfTurnTask>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  request(task: EndOfTurnTask): void {
    if (this.#tasks.size === 0) this.#clock.nextTurn(() => this.#runAll());
    this.#tasks.add(task);
  }

  #runAll(): void {
    const tasks = this.#tasks;
    this.#tasks = new Set();
    for (const task of tasks) task.runAtEndOfTurn();
  }
}
