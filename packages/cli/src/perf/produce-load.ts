/**
 * `millrace perf produce`: how fast records are acknowledged, and how long each took.
 *
 * Closed loop (`rate` 0): records are handed over as fast as the producer takes them; latency counts from the hand-over.
 * Open loop: records are due on a fixed schedule; latency counts from the due time, so that a stall cannot hide the wait
 * of the records behind it.
 */
import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { assert, type MillraceError } from '@millrace/base';
import { Producer, type ProducerOptions, type ProducerRecord } from '@millrace/producer';
import { keySequence } from './key-sequence.js';
import { Latencies } from './latencies.js';
import type { Load, LoadTarget, RunSignals } from './load.js';
import { LoadClock, type LoadSpan } from './load-clock.js';
import type { LatencySpec, ProduceSpec } from './load-spec.js';
import { Pacer } from './pacer.js';
import { makePayload } from './payload.js';
import { type OnSettled, PlainSink, type RecordSink, TransactionSink } from './record-sink.js';
import { stamped } from './stamp.js';

/** In a closed loop the latency of every n-th record is measured: a clock reading per record would cost throughput. */
const closedLoopSampling = 64;
/** How many records are handed over before the event loop gets a turn to send them. */
const recordsPerTurn = 512;

export class ProduceLoad implements Load {
  readonly #spec: ProduceSpec;
  readonly #topic: string;
  readonly #values: readonly Buffer[];
  readonly #keys: readonly Buffer[] | undefined;
  readonly #producer: Producer;
  readonly #sink: RecordSink;
  readonly latencies = new Latencies();
  records = 0;
  bytes = 0;
  #isWarmingUp = true;
  #firstError: MillraceError | undefined;

  constructor(spec: ProduceSpec, { bootstrap, topic }: LoadTarget) {
    this.#spec = spec;
    this.#topic = topic;
    this.#values = makePayload(spec.payload, spec.recordBytes);
    this.#keys = spec.keys === 0 ? undefined : keySequence(spec.keys, spec.skew);
    const { transactionRecords } = spec;
    const options = producerOptions(spec, bootstrap);
    this.#producer = new Producer(
      transactionRecords === 0 ? options : { ...options, transactionalId: `perf-${randomUUID()}` },
    );
    this.#sink =
      transactionRecords === 0
        ? new PlainSink(this.#producer)
        : new TransactionSink(this.#producer, transactionRecords);
  }

  async prepare(abort: AbortSignal): Promise<void> {
    if (this.#spec.warmupRecords > 0) await this.#send(this.#spec.warmupRecords, Infinity, abort);
    this.latencies.reset();
    this.records = 0;
    this.bytes = 0;
    this.#isWarmingUp = false;
  }

  async run({ abort }: RunSignals): Promise<LoadSpan> {
    const { records = Infinity, seconds = Infinity } = this.#spec;
    const clock = new LoadClock();
    await this.#send(records, seconds * 1000, abort);
    return clock.span();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#producer.close();
  }

  async #send(records: number, forMs: number, abort: AbortSignal): Promise<void> {
    const pacer = this.#spec.rate === 0 ? undefined : new Pacer(this.#spec.rate);
    const endMs = performance.now() + forMs;
    for (let index = 0; index < records && this.#firstError === undefined && performance.now() < endMs;) {
      abort.throwIfAborted();
      const due = pacer === undefined ? index + recordsPerTurn : await pacer.nextDue(index);
      const end = Math.min(records, due);
      while (index < end && this.#enqueue(index, pacer?.dueMs(index))) index += 1;
      if (index < end) await this.#sink.ready(abort);
      else if (pacer === undefined) await nextTurn();
    }
    await this.#sink.end(abort);
    if (this.#firstError !== undefined) throw this.#firstError;
  }

  #enqueue(index: number, dueMs: number | undefined): boolean {
    const measured = dueMs !== undefined || index % closedLoopSampling === 0;
    if (!measured) return this.#sink.enqueue(this.#record(index, undefined), this.#settled);
    const sinceMs = dueMs ?? performance.now();
    return this.#sink.enqueue(this.#record(index, sinceMs), (error) => {
      this.latencies.recordMs(performance.now() - sinceMs);
      this.#settled(error);
    });
  }

  #record(index: number, sinceMs: number | undefined): ProducerRecord {
    const prepared = this.#values[index % this.#values.length];
    assert(prepared !== undefined, 'a load has at least one value');
    const value = this.#spec.stamp ? stamped(prepared, this.#stamp(sinceMs)) : prepared;
    if (this.#keys === undefined) return { topic: this.#topic, value };
    const key = this.#keys[index % this.#keys.length];
    assert(key !== undefined, 'the sequence of keys is not empty');
    return { topic: this.#topic, key, value };
  }

  #stamp(sinceMs: number | undefined): number {
    return this.#isWarmingUp ? 0 : performance.timeOrigin + (sinceMs ?? performance.now());
  }

  readonly #settled: OnSettled = (error) => {
    if (error !== undefined) this.#firstError ??= error;
    else {
      // Values are used in turn, so the n-th acknowledgement stands for the n-th value: sums come out right.
      this.bytes += this.#values[this.records % this.#values.length]?.length ?? 0;
      this.records += 1;
    }
  };
}

export function producerOptions(spec: ProduceSpec | LatencySpec, bootstrap: string): ProducerOptions {
  return {
    bootstrap,
    acks: spec.acks === 'all' ? 'all' : spec.acks === '1' ? 1 : 0,
    compression: spec.compression,
    lingerMs: spec.lingerMs,
    ...(spec.batchBytes === undefined ? {} : { batchBytes: spec.batchBytes }),
  };
}
