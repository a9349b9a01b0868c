/**
 * A produce request that was appended and waits to be committed: answered when the high watermark of each of its
 * partitions has passed its batch, or by its deadline with REQUEST_TIMED_OUT for those still open.
 *
 * A timed-out batch is in the log and may be committed later: that is what the code says to the producer.
 */
import type { MillraceError } from '@millrace/base';
import { protocolError } from '@millrace/protocol';
import type { CommitWaiter } from './commit-queue.js';
import type { DeadlineQueue, Waiting } from './deadline-queue.js';

/** What a batch waits for. */
export interface CommitGoal {
  readonly lastOffset: number;
  readonly acks: -1 | 1;
}

/** Where a batch waits. */
export interface CommitSource {
  readonly label: string;
  waitForCommit(goal: CommitGoal, waiter: CommitWaiter, entry: number): void;
  forgetFinishedWaiters(): void;
}

export interface PendingProduceOptions {
  readonly deadlines: DeadlineQueue;
  /** An entry of the request failed after it was appended. */
  readonly onEntryFailed: (entry: number, error: MillraceError) => void;
  /** Called once, when every entry is decided. */
  readonly onDone: () => void;
}

export class PendingProduce implements Waiting, CommitWaiter {
  bucket: Set<Waiting> | undefined;
  readonly #options: PendingProduceOptions;
  readonly #open = new Map<number, CommitSource>();
  #isDone = false;

  constructor(options: PendingProduceOptions) {
    this.#options = options;
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  waitFor(entry: number, partition: CommitSource, goal: CommitGoal): void {
    this.#open.set(entry, partition);
    partition.waitForCommit(goal, this, entry);
  }

  /** After all `waitFor`. */
  start(timeoutMs: number): void {
    this.#options.deadlines.add(this, timeoutMs);
  }

  committed(entry: number): void {
    if (this.#open.delete(entry) && this.#open.size === 0) this.#finish();
  }

  failed(entry: number, error: MillraceError): void {
    if (!this.#open.delete(entry)) return;
    this.#options.onEntryFailed(entry, error);
    if (this.#open.size === 0) this.#finish();
  }

  expire(): void {
    const open = [...this.#open];
    this.#open.clear();
    for (const [entry, partition] of open) {
      const message = `The batch for ${partition.label} was appended, but not committed in time; it may still be.`;
      this.#options.onEntryFailed(entry, protocolError('REQUEST_TIMED_OUT', message));
    }
    this.#finish();
    for (const [, partition] of open) partition.forgetFinishedWaiters();
  }

  #finish(): void {
    this.#isDone = true;
    this.#options.deadlines.remove(this);
    this.#options.onDone();
  }
}
