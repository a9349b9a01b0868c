/**
 * A request to delete records whose partitions have moved the starts of their logs, and that waits until the replicas in
 * sync have moved theirs: else one of them may be elected and show the records again. Answered when all have, or by its
 * deadline with REQUEST_TIMED_OUT for those still open. The records stay deleted: the others follow sooner or later.
 */
import type { MillraceError } from '@millrace/base';
import { protocolError } from '@millrace/protocol';
import type { CommitWaiter } from './commit-queue.js';
import type { DeadlineQueue, Waiting } from './deadline-queue.js';

/** Where a deletion waits. */
export interface DeletionSource {
  readonly label: string;
  waitForDeletion(waiter: CommitWaiter, entry: number): void;
  forgetFinishedWaiters(): void;
}

export interface PendingDeletionOptions {
  readonly deadlines: DeadlineQueue;
  readonly onEntryFailed: (entry: number, error: MillraceError) => void;
  /** Called once, when every entry is decided. */
  readonly onDone: () => void;
}

export class PendingDeletion implements Waiting, CommitWaiter {
  bucket: Set<Waiting> | undefined;
  readonly #options: PendingDeletionOptions;
  readonly #open = new Map<number, DeletionSource>();
  #isDone = false;

  constructor(options: PendingDeletionOptions) {
    this.#options = options;
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /** By entry of the request. */
  start(sources: ReadonlyMap<number, DeletionSource>, timeoutMs: number): void {
    for (const [entry, source] of sources) this.#open.set(entry, source);
    for (const [entry, source] of sources) source.waitForDeletion(this, entry);
    if (this.#open.size === 0) this.#finish();
    else this.#options.deadlines.add(this, timeoutMs);
  }

  committed(entry: number): void {
    if (this.#open.delete(entry)) this.#finishWhenDecided();
  }

  failed(entry: number, error: MillraceError): void {
    if (!this.#open.delete(entry)) return;
    this.#options.onEntryFailed(entry, error);
    this.#finishWhenDecided();
  }

  expire(): void {
    const open = [...this.#open];
    this.#open.clear();
    for (const [entry, { label }] of open) {
      const message =
        `The records of ${label} are deleted on its leader, and not on every replica in sync yet. The others follow; ` +
        'ask again to know when they have.';
      this.#options.onEntryFailed(entry, protocolError('REQUEST_TIMED_OUT', message));
    }
    this.#finish();
    for (const [, source] of open) source.forgetFinishedWaiters();
  }

  /** Not before it waits for a deadline: until then others may be open still. */
  #finishWhenDecided(): void {
    if (this.#open.size === 0 && this.bucket !== undefined) this.#finish();
  }

  #finish(): void {
    this.#isDone = true;
    this.#options.deadlines.remove(this);
    this.#options.onDone();
  }
}
