/**
 * Produce requests that wait until the high watermark of one partition has passed what they appended.
 *
 * Appends are ordered, so the queue is ordered by offset as it grows, and one step of the high watermark takes waiters
 * from its head only. A waiter that gave up (its deadline passed) stays until `prune`, which its expiry calls: else a
 * disk that hangs while clients retry would fill the queue.
 */
import { assert, type MillraceError } from '@millrace/base';

export interface CommitWaiter {
  readonly isDone: boolean;
  /** What was appended for this entry of the request is committed. */
  committed(entry: number): void;
  /** It never will be here. */
  failed(entry: number, error: MillraceError): void;
}

interface QueuedWaiter {
  readonly lastOffset: number;
  readonly waiter: CommitWaiter;
  readonly entry: number;
}

export class CommitQueue {
  #queue: QueuedWaiter[] = [];
  /** Entries before it are done; moved by `release`, reset when the queue is compacted. */
  #head = 0;

  get length(): number {
    return this.#queue.length - this.#head;
  }

  /** `lastOffset` may be lower than that of a waiter before it: a retried batch gives the offsets of its first try. */
  add(lastOffset: number, waiter: CommitWaiter, entry: number): void {
    assert(!waiter.isDone, 'a finished request waits for nothing');
    this.#queue.push({ lastOffset, waiter, entry });
  }

  /** Completes each waiter whose last offset is below the high watermark. */
  release(highWatermark: number): void {
    const queue = this.#queue;
    while (this.#head < queue.length && queue[this.#head]!.lastOffset < highWatermark) {
      const { waiter, entry } = queue[this.#head++]!;
      if (!waiter.isDone) waiter.committed(entry);
    }
    if (this.#head === queue.length) {
      this.#queue = [];
      this.#head = 0;
    } else if (this.#head > 1024) {
      queue.splice(0, this.#head);
      this.#head = 0;
    }
  }

  failAll(error: MillraceError): void {
    const queue = this.#queue.slice(this.#head);
    this.#queue = [];
    this.#head = 0;
    for (const { waiter, entry } of queue) if (!waiter.isDone) waiter.failed(entry, error);
  }

  prune(): void {
    this.#queue = this.#queue.slice(this.#head).filter(({ waiter }) => !waiter.isDone);
    this.#head = 0;
  }
}
