/**
 * One sync at a time, and as many waiters as there are.
 *
 *     sync()   -> no run under way: begins one, and waits for it
 *              -> a run under way:  waits for the next one, together with all who ask meanwhile; it begins when the
 *                                   run under way ends
 *
 * A run covers what was appended before it began, so who asks during a run must wait for the one after it.
 */
import { assert } from '@millrace/base';

export class GroupSync {
  readonly #run: () => Promise<void>;
  #current: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(run: () => Promise<void>) {
    this.#run = run;
  }

  /** Rejects with the error of the run that was to cover it. */
  sync(): Promise<void> {
    // The run that just ended may have told its waiters before it begins the next one.
    if (this.#next !== undefined) return this.#next;
    if (this.#current === undefined) return this.#begin();
    this.#next = this.#current.then(
      () => this.#begin(),
      () => this.#begin(),
    );
    return this.#next;
  }

  /** Resolves when no run is under way or asked for, however it ended. */
  async idle(): Promise<void> {
    for (let run = this.#next ?? this.#current; run !== undefined; run = this.#next ?? this.#current) {
      await run.then(
        () => undefined,
        () => undefined,
      );
    }
  }

  #begin(): Promise<void> {
    assert(this.#current === undefined, 'one sync at a time');
    this.#next = undefined;
    const run = this.#run().finally(() => {
      this.#current = undefined;
    });
    this.#current = run;
    return run;
  }
}
