/**
 * Deadlines of all waiting requests behind one timer.
 *
 * Time is cut into ticks of `tickMs`; a request waits in the bucket of the first tick at or after its deadline, so it
 * never expires early and at most one tick late. Adding and removing is a set operation; the timer is armed for the
 * earliest bucket only. A bucket that has become empty stays until its tick has come: there are never more of them
 * than ticks in the longest wait that callers allow.
 *
 * Invariants: `#order` is a binary min-heap holding the key of each bucket once; a request is in at most one bucket.
 */
import { assert, type Clock, type Timer } from '@millrace/base';
import { protocolError } from '@millrace/protocol';

/** A request that waits for something, or for its deadline. */
export interface Waiting {
  /** Where the queue keeps it; written by the queue alone. Undefined while it is not queued. */
  bucket: Set<Waiting> | undefined;
  /** Called once when the deadline has passed, after it left the queue. */
  expire(): void;
}

export interface DeadlineQueueOptions {
  readonly maxWaiting: number;
  readonly tickMs?: number;
}

export class DeadlineQueue {
  readonly #clock: Clock;
  readonly #maxWaiting: number;
  readonly #tickMs: number;
  readonly #buckets = new Map<number, Set<Waiting>>();
  readonly #order: number[] = [];
  #timer: Timer | undefined;
  #timerTick = Infinity;
  #size = 0;

  constructor(clock: Clock, options: DeadlineQueueOptions) {
    this.#clock = clock;
    this.#maxWaiting = options.maxWaiting;
    this.#tickMs = options.tickMs ?? 10;
  }

  get size(): number {
    return this.#size;
  }

  /** Throws when no further request may wait: asked before anything is done for it. */
  requireRoom(): void {
    if (this.#size < this.#maxWaiting) return;
    throw protocolError(
      'THROTTLING_QUOTA_EXCEEDED',
      `${this.#size} requests are waiting at this node, which is its limit: try again later.`,
    );
  }

  add(waiting: Waiting, delayMs: number): void {
    assert(waiting.bucket === undefined, 'a request waits for one deadline at a time');
    const tick = Math.ceil((this.#clock.monotonicMs() + delayMs) / this.#tickMs);
    let bucket = this.#buckets.get(tick);
    if (bucket === undefined) {
      bucket = new Set();
      this.#buckets.set(tick, bucket);
      this.#pushTick(tick);
    }
    bucket.add(waiting);
    waiting.bucket = bucket;
    this.#size++;
    if (tick < this.#timerTick) this.#arm(tick);
  }

  /** Does nothing when it is not queued. */
  remove(waiting: Waiting): void {
    if (waiting.bucket === undefined) return;
    waiting.bucket.delete(waiting);
    waiting.bucket = undefined;
    this.#size--;
  }

  /** Expires all at once: the node is about to stop. */
  expireAll(): void {
    this.#expireUntil(Infinity);
  }

  #arm(tick: number): void {
    this.#timer?.cancel();
    this.#timerTick = tick;
    const delayMs = Math.max(0, tick * this.#tickMs - this.#clock.monotonicMs());
    this.#timer = this.#clock.schedule(delayMs, () => {
      this.#timer = undefined;
      this.#timerTick = Infinity;
      this.#expireUntil(this.#clock.monotonicMs() / this.#tickMs);
    });
  }

  #expireUntil(nowTick: number): void {
    for (let tick = this.#order[0]; tick !== undefined && tick <= nowTick; tick = this.#order[0]) {
      const bucket = this.#buckets.get(tick);
      assert(bucket !== undefined, 'each tick in order has its bucket');
      this.#popTick();
      this.#buckets.delete(tick);
      for (const waiting of bucket) {
        this.remove(waiting);
        waiting.expire();
      }
    }
    const next = this.#order[0];
    if (next === undefined) {
      this.#timer?.cancel();
      this.#timer = undefined;
      this.#timerTick = Infinity;
    } else if (next < this.#timerTick) {
      this.#arm(next);
    }
  }

  #pushTick(tick: number): void {
    const heap = this.#order;
    let index = heap.push(tick) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (heap[parent]! <= tick) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = tick;
  }

  #popTick(): void {
    const heap = this.#order;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child++;
      if (heap[child]! >= last) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
  }
}
