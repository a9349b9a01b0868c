/**
 * Many deadlines on one timer, for waits that nearly always end before their time.
 *
 * Deadlines fall into buckets of `tickMs`; an entry that is done removes itself from its bucket and no timer is
 * touched. One timer stands for the earliest bucket. It may wake for a bucket that has become empty: then it only
 * looks for the next. An entry expires at its deadline or up to one tick later, never before.
 */
import type { Clock, Timer } from '@millrace/base';

const tickMs = 20;

export interface Expiring {
  /** Monotonic; must not change while the entry is in the queue. */
  readonly deadlineMs: number;
  expire(): void;
}

export class DeadlineQueue {
  readonly #clock: Clock;
  readonly #buckets = new Map<number, Set<Expiring>>();
  #timer: Timer | undefined;
  /** Bucket that the timer stands for; Infinity without a timer. */
  #armedBucket = Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(entry: Expiring): void {
    const bucket = bucketOf(entry);
    const entries = this.#buckets.get(bucket);
    if (entries === undefined) this.#buckets.set(bucket, new Set([entry]));
    else entries.add(entry);
    if (bucket < this.#armedBucket) this.#arm(bucket);
  }

  remove(entry: Expiring): void {
    const bucket = bucketOf(entry);
    const entries = this.#buckets.get(bucket);
    entries?.delete(entry);
    if (entries?.size !== 0) return;
    this.#buckets.delete(bucket);
    // An empty queue holds no timer: it would keep the process alive.
    if (this.#buckets.size === 0) this.#disarm();
  }

  #arm(bucket: number): void {
    this.#timer?.cancel();
    this.#armedBucket = bucket;
    const delayMs = Math.max(0, bucket * tickMs - this.#clock.monotonicMs());
    this.#timer = this.#clock.schedule(delayMs, () => this.#onTimer());
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#armedBucket = Infinity;
  }

  #onTimer(): void {
    this.#timer = undefined;
    this.#armedBucket = Infinity;
    const now = this.#clock.monotonicMs();
    for (const [bucket, entries] of this.#buckets) {
      if (bucket * tickMs > now) continue;
      this.#buckets.delete(bucket);
      for (const entry of entries) entry.expire();
    }
    if (this.#buckets.size > 0) this.#arm(Math.min(...this.#buckets.keys()));
  }
}

function bucketOf(entry: Expiring): number {
  return Math.ceil(entry.deadlineMs / tickMs);
}
