/** One of the workers of `run`: what it is at, and what it has done so far. */
import type { Clock } from '@millrace/base';
import type { TopicPartition } from '../consumer-record.js';

export interface WorkerStats {
  /** Counted from 0. */
  readonly worker: number;
  /** Records whose callback has ended well, and those that were skipped. */
  readonly records: number;
  /** Callbacks that have failed, each attempt counted. */
  readonly failures: number;
  readonly skipped: number;
  /** Time with something to do, callbacks that wait for something included. */
  readonly busyMs: number;
  /** The record (of a batch the first) whose callback runs. */
  readonly inFlight: (TopicPartition & { readonly offset: number }) | undefined;
}

export class Worker {
  readonly #clock: Clock;
  readonly #index: number;
  #where: TopicPartition | undefined;
  #beganMs = 0;
  #busyMs = 0;
  /** Moved by those who run callbacks: fields, because they move with every record. */
  offset = -1;
  records = 0;
  failures = 0;
  skipped = 0;
  /** Rises with every callback, and every attempt: when it stands still while the worker is busy, it hangs. */
  asks = 0;

  constructor(index: number, clock: Clock) {
    this.#index = index;
    this.#clock = clock;
  }

  get isWorking(): boolean {
    return this.#where !== undefined;
  }

  begin(where: TopicPartition, offset: number): void {
    this.#where = where;
    this.offset = offset;
    this.#beganMs = this.#clock.monotonicMs();
    this.asks += 1;
  }

  end(): void {
    this.#where = undefined;
    this.#busyMs += this.#clock.monotonicMs() - this.#beganMs;
    this.asks += 1;
  }

  get stats(): WorkerStats {
    const { records, failures, skipped, offset } = this;
    const where = this.#where;
    const busyMs = where === undefined ? this.#busyMs : this.#busyMs + this.#clock.monotonicMs() - this.#beganMs;
    const inFlight = where === undefined ? undefined : { topic: where.topic, partition: where.partition, offset };
    return { worker: this.#index, records, failures, skipped, busyMs, inFlight };
  }

  describe(): string {
    const { topic, partition } = this.#where ?? { topic: '', partition: -1 };
    return `worker ${this.#index} at offset ${this.offset} of ${topic}-${partition}`;
  }
}
