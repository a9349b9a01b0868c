/**
 * Knows when everything accepted before a moment has its outcome.
 *
 *     generations, oldest first:  [3 records left] [0 left] [12 left, current]
 *     flush(): the current one is closed, a new one begins; done when all up to the closed one have nothing left
 *
 * A batch belongs to the generation in which it began, so a `flush` also waits for the records that join a batch
 * which it is waiting for anyway.
 */
import { assert, completion, type Completion } from '@millrace/base';

export interface Generation {
  /** Records accepted and without outcome. Moved by the tracker. */
  unresolved: number;
  readonly waiters: Completion<void>[];
}

export class FlushTracker {
  /** Set while a record of an older generation is put into a batch. */
  #placing: Generation | undefined;
  #generations: Generation[] = [{ unresolved: 0, waiters: [] }];

  /** Somebody waits for room in the buffer. Moved by the producer. */
  isRoomWanted = false;

  /** Whether batches leave without lingering: somebody waits for their outcome, or for the room that they take. */
  get isUrgent(): boolean {
    return this.isRoomWanted || this.#generations.length > 1;
  }

  /** What records belong to that are accepted now. */
  get current(): Generation {
    return this.#placing ?? (this.#generations.at(-1) as Generation);
  }

  /**
   * Runs `action` for records that came in earlier and had no batch yet: a flush since then must wait for the batches
   * that begin with them.
   */
  within<Result>(generation: Generation, action: () => Result): Result {
    this.#placing = generation;
    try {
      return action();
    } finally {
      this.#placing = undefined;
    }
  }

  accept(generation: Generation): void {
    generation.unresolved += 1;
  }

  resolved(generation: Generation, recordCount: number): void {
    generation.unresolved -= recordCount;
    assert(generation.unresolved >= 0, 'a record has one outcome');
    if (generation.unresolved === 0) this.#settle();
  }

  flush(): Promise<void> {
    const waiter = completion();
    this.#generations.at(-1)?.waiters.push(waiter);
    this.#generations.push({ unresolved: 0, waiters: [] });
    this.#settle();
    return waiter.promise;
  }

  #settle(): void {
    while (this.#generations.length > 1 && this.#generations[0]?.unresolved === 0) {
      for (const waiter of this.#generations.shift()?.waiters ?? []) waiter.resolve();
    }
  }
}
