/**
 * `millrace perf consume`: how fast records are read. Each record is visited and its value looked at, and each batch is
 * released, as by a program that keeps nothing of it.
 *
 * Latency is from the moment a record was due where the writers stamp that into the values; else how long the reader
 * waited for each batch.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Consumer, type ConsumerBatch } from '@millrace/consumer';
import { Latencies } from './latencies.js';
import type { Load, LoadTarget, RunSignals } from './load.js';
import { LoadClock, type LoadSpan } from './load-clock.js';
import type { ConsumeSpec } from './load-spec.js';
import { nowSince1970Ms, stampOf } from './stamp.js';

/** Nothing came for so long after the writers had ended: everything was read. */
const quietMs = 1000;
const quiet = 'everything was read';
const timeIsUp = 'time is up';

export interface ConsumeLoadOptions extends LoadTarget {
  readonly isStamped: boolean;
}

export class ConsumeLoad implements Load {
  readonly #spec: ConsumeSpec;
  readonly #isStamped: boolean;
  readonly #consumer: Consumer;
  readonly latencies = new Latencies();
  records = 0;
  bytes = 0;
  #received = 0;
  #isWarm: boolean;
  #clock = new LoadClock();

  constructor(spec: ConsumeSpec, { bootstrap, topic, isStamped }: ConsumeLoadOptions) {
    this.#spec = spec;
    this.#isStamped = isStamped;
    this.#isWarm = spec.warmupRecords === 0;
    const { from, group, isolation } = spec;
    const options = { bootstrap, topics: [topic], from, isolation };
    this.#consumer = new Consumer(group === undefined ? options : { ...options, group });
  }

  /** One that begins later has no place before, and one of a group none until the others are there. */
  async prepare(abort: AbortSignal): Promise<void> {
    const { startAfterSeconds, group } = this.#spec;
    if (startAfterSeconds === 0 && group === undefined) await this.#consumer.ready({ signal: abort });
  }

  async run({ abort, writersDone }: RunSignals): Promise<LoadSpan> {
    await sleep(this.#spec.startAfterSeconds * 1000, undefined, { signal: abort });
    const end = new AbortController();
    const signal = AbortSignal.any([abort, end.signal]);
    const stopWatch = this.#endWhenQuiet(writersDone, end);
    const timeUp = this.#endInTime(end);
    this.#clock.restart();
    let waitingSinceMs = performance.now();
    try {
      for await (const batch of this.#consumer.batches({ signal })) {
        if (!this.#isStamped) this.latencies.recordMs(performance.now() - waitingSinceMs);
        this.#take(batch);
        if (this.#received >= this.#spec.warmupRecords + (this.#spec.records ?? Infinity)) break;
        if (this.#spec.pauseMsPerBatch > 0) await sleep(this.#spec.pauseMsPerBatch);
        waitingSinceMs = performance.now();
      }
    } catch (error) {
      abort.throwIfAborted();
      if (end.signal.reason !== quiet && end.signal.reason !== timeIsUp) throw error;
    } finally {
      stopWatch();
      clearTimeout(timeUp);
    }
    const span = this.#clock.span();
    if (end.signal.reason !== quiet) return span;
    // That nothing came any more was only known afterwards.
    return { ...span, seconds: span.seconds - quietMs / 1000, endedAtMs: span.endedAtMs - quietMs };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#consumer.close();
  }

  #take(batch: ConsumerBatch): void {
    const nowMs = this.#isStamped ? nowSince1970Ms() : 0;
    for (const { value } of batch) {
      this.#received += 1;
      if (this.#isStamped && value !== null) {
        const dueMs = stampOf(value);
        if (dueMs === 0) continue;
        this.latencies.recordMs(nowMs - dueMs);
      }
      this.records += 1;
      this.bytes += value?.length ?? 0;
    }
    batch.release();
    // Batches do not end where the warm-up does: what it took too much is not measured, but not waited for again.
    if (this.#isWarm || this.#received < this.#spec.warmupRecords) return;
    this.#isWarm = true;
    this.records = 0;
    this.bytes = 0;
    this.latencies.reset();
    this.#clock.restart();
  }

  #endInTime(end: AbortController): NodeJS.Timeout | undefined {
    const { seconds } = this.#spec;
    return seconds === undefined ? undefined : setTimeout(() => end.abort(timeIsUp), seconds * 1000);
  }

  /** Ends a reader without an end of its own once the writers have ended, nothing comes any more and nothing is left. */
  #endWhenQuiet(writersDone: AbortSignal, end: AbortController): () => void {
    let before = -1;
    const timer = setInterval(() => {
      if (!writersDone.aborted || this.#spec.records !== undefined) return;
      if (this.#received === before) void this.#endAtTheEnd(end);
      before = this.#received;
    }, quietMs);
    return () => {
      clearInterval(timer);
    };
  }

  async #endAtTheEnd(end: AbortController): Promise<void> {
    const received = this.#received;
    try {
      const lags = await this.#consumer.lag();
      // What was read while the question was under way is told by another look.
      if (received === this.#received && lags.every(({ lag }) => lag === 0)) end.abort(quiet);
    } catch (error) {
      end.abort(error);
    }
  }
}
