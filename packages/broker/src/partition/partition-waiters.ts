/**
 * Who waits at one partition: produce requests for the high watermark or for what this node alone has, deletions for the
 * low watermark, readers for what becomes readable, followers for what is appended.
 */
import type { MillraceError } from '@millrace/base';
import { CommitQueue, type CommitWaiter } from '../waiting/commit-queue.js';
import type { CommitGoal } from '../waiting/pending-produce.js';
import type { Leadership } from './leadership.js';
import { VisibleBytes } from './visible-bytes.js';

/** A fetch that waits for more records. */
export interface Reader {
  /** So many more bytes can be read. */
  arrived(bytes: number): void;
  /** Waiting is pointless: the partition was deleted, changed its leader, or its log failed. */
  disturbed(): void;
}

export interface ReaderSource {
  addReader(reader: Reader): void;
  removeReader(reader: Reader): void;
}

export class PartitionWaiters {
  readonly #commits = new CommitQueue();
  readonly #ownCommits = new CommitQueue();
  readonly #deletions = new CommitQueue();
  readonly #readers = new Set<Reader>();
  readonly #followerReaders = new Set<Reader>();
  readonly #visible = new VisibleBytes();
  /** What `appendedBytes` was when followers were last woken. */
  #wokenBytes = 0;

  /** Readers that go up to the high watermark. */
  readonly clientReads: ReaderSource = {
    addReader: (reader) => this.#readers.add(reader),
    removeReader: (reader) => this.#readers.delete(reader),
  };

  /** Followers, who read up to the end of the log. */
  readonly followerReads: ReaderSource = {
    addReader: (reader) => {
      if (this.#followerReaders.size === 0) this.#wokenBytes = this.#visible.appended;
      this.#followerReaders.add(reader);
    },
    removeReader: (reader) => this.#followerReaders.delete(reader),
  };

  /** Grows with the high watermark, in bytes: two values tell how much became readable between them. */
  get visibleBytes(): number {
    return this.#visible.total;
  }

  /** The same for followers. */
  get appendedBytes(): number {
    return this.#visible.appended;
  }

  /** Whether anybody waits for the high watermark to pass a record. */
  get hasCommits(): boolean {
    return this.#commits.length > 0;
  }

  get hasFollowers(): boolean {
    return this.#followerReaders.size > 0;
  }

  waitForCommit({ lastOffset, acks }: CommitGoal, waiter: CommitWaiter, entry: number): void {
    const queue = acks === 1 ? this.#ownCommits : this.#commits;
    queue.add(lastOffset, waiter, entry);
  }

  /** Until the low watermark has reached this start of the log, which never falls. */
  waitForDeletion(logStartOffset: number, waiter: CommitWaiter, entry: number): void {
    this.#deletions.add(logStartOffset - 1, waiter, entry);
  }

  releaseDeletions(leadership: Leadership, log: { readonly startOffset: number }): void {
    if (this.#deletions.length > 0) this.#deletions.release(leadership.lowWatermark(log.startOffset));
  }

  /** So that they are told at once that the start of the log moved. */
  disturbFollowers(): void {
    for (const reader of [...this.#followerReaders]) reader.disturbed();
  }

  forgetFinished(): void {
    this.#deletions.prune();
    this.#commits.prune();
    this.#ownCommits.prune();
  }

  appended(endOffset: number, bytes: number): void {
    this.#visible.append(endOffset, bytes);
  }

  wakeFollowers(): void {
    const bytes = this.#visible.appended - this.#wokenBytes;
    this.#wokenBytes = this.#visible.appended;
    if (bytes > 0) for (const reader of [...this.#followerReaders]) reader.arrived(bytes);
  }

  /** This node has all below this offset as the durability asks. */
  ownEndMoved(endOffset: number): void {
    this.#ownCommits.release(endOffset);
  }

  highWatermarkMoved(highWatermark: number): void {
    const bytes = this.#visible.advance(highWatermark);
    this.#commits.release(highWatermark);
    for (const reader of this.#readers) reader.arrived(bytes);
  }

  /** Those who wait for the high watermark are told that it may not come. */
  failCommits(error: MillraceError): void {
    this.#commits.failAll(error);
  }

  /** Nobody is served here any more: tells all. */
  failAll(error: MillraceError): void {
    this.#visible.forgetUncommitted();
    this.#commits.failAll(error);
    this.#ownCommits.failAll(error);
    this.#deletions.failAll(error);
    for (const reader of [...this.#readers]) reader.disturbed();
    this.disturbFollowers();
  }
}
