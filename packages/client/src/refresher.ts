/**
 * Turns many wishes for fresh metadata into few requests: one is under way, and all wishes that come meanwhile share
 * the next one. A wish is never answered by a request that began before it: that one may have seen the old state.
 */
import { completion, type Completion } from '@millrace/base';

interface Round<Result> {
  readonly names: Set<string>;
  readonly done: Completion<Result>;
}

export class Refresher<Result> {
  readonly #request: (names: readonly string[]) => Promise<Result>;
  #next: Round<Result> | undefined;
  #isRunning = false;

  constructor(request: (names: readonly string[]) => Promise<Result>) {
    this.#request = request;
  }

  /** Resolves when a request that began after this call, and asked about these topics, has been answered. */
  refresh(names: readonly string[]): Promise<Result> {
    this.#next ??= { names: new Set(), done: completion<Result>() };
    for (const name of names) this.#next.names.add(name);
    const { promise } = this.#next.done;
    if (!this.#isRunning) void this.#run();
    return promise;
  }

  /** Never rejects: those who wait are told. */
  async #run(): Promise<void> {
    this.#isRunning = true;
    // Wishes of this turn share the first request too.
    await Promise.resolve();
    for (let round = this.#take(); round !== undefined; round = this.#take()) {
      try {
        round.done.resolve(await this.#request([...round.names]));
      } catch (error) {
        round.done.reject(error);
      }
    }
    this.#isRunning = false;
  }

  #take(): Round<Result> | undefined {
    const round = this.#next;
    this.#next = undefined;
    return round;
  }
}
