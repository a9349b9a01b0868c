/**
 * Followers that are far behind read old records from the disk, as fast as they get them. Their reads pass here, one at
 * a time and a bounded amount in each turn of the event loop, so that requests of clients and of followers at the end of
 * the log, which arrive meanwhile, are dealt with in between.
 */
import { type Clock, completion, type Completion } from '@millrace/base';

/** What one passage may read. */
export const catchUpBytes = 1024 * 1024;

export class CatchUpGate {
  readonly #clock: Clock;
  /** As many as there are fetches of followers. */
  readonly #waiting: Completion<void>[] = [];
  #isTaken = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Runs the read when it is its turn. */
  async pass<Result>(read: () => Promise<Result>): Promise<Result> {
    if (this.#isTaken) {
      const turn = completion();
      this.#waiting.push(turn);
      await turn.promise;
    }
    this.#isTaken = true;
    try {
      return await read();
    } finally {
      this.#clock.nextTurn(() => this.#next());
    }
  }

  #next(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#isTaken = false;
    else next.resolve();
  }
}
