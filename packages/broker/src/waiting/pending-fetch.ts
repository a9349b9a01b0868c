/**
 * A fetch that found fewer than `minBytes` and waits for more: woken when the high watermarks of its partitions have
 * uncovered what is missing, when one of them is disturbed, by its deadline, or when its connection is gone. Then the
 * partitions are read again: what arrived is counted here, not kept.
 */
import { assert } from '@millrace/base';
import type { DeadlineQueue, Waiting } from './deadline-queue.js';

/** A fetch on many partitions registers with each; it leaves all of them when it ends. */
export interface FetchSource {
  addReader(reader: PendingFetch): void;
  removeReader(reader: PendingFetch): void;
}

export interface PendingFetchOptions {
  readonly partitions: readonly FetchSource[];
  readonly missingBytes: number;
  readonly deadlines: DeadlineQueue;
  /** Called once, whatever ended the wait. */
  readonly onEnd: () => void;
}

export class PendingFetch implements Waiting {
  bucket: Set<Waiting> | undefined;
  readonly #options: PendingFetchOptions;
  #missingBytes: number;
  #isDone = false;

  constructor(options: PendingFetchOptions) {
    assert(options.missingBytes > 0, 'a fetch waits only for bytes that are missing');
    this.#options = options;
    this.#missingBytes = options.missingBytes;
  }

  start(maxWaitMs: number): void {
    for (const partition of this.#options.partitions) partition.addReader(this);
    this.#options.deadlines.add(this, maxWaitMs);
  }

  arrived(bytes: number): void {
    this.#missingBytes -= bytes;
    if (this.#missingBytes <= 0) this.#end();
  }

  disturbed(): void {
    this.#end();
  }

  expire(): void {
    this.#end();
  }

  /** The one who asked is gone. */
  cancel(): void {
    this.#end();
  }

  #end(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#options.deadlines.remove(this);
    for (const partition of this.#options.partitions) partition.removeReader(this);
    this.#options.onEnd();
  }
}
