/**
 * `millrace perf produce`: how fast records are acknowledged, and how long each took.
 *
 * Closed loop (`--rate 0`): records are handed over as fast as the producer takes them; latency counts from the hand-over.
 * Open loop: records are due on a fixed schedule; latency counts from the due time, so that a stall cannot hide the wait
 * of the records behind it.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { assert, type MillraceError } from '@millrace/base';
import { type DeliveryCallback, Producer, type ProducerOptions } from '@millrace/producer';
import { Latencies } from './latencies.js';
import { LoadClock } from './load-clock.js';
import type { LoadOptions } from './load-options.js';
import { Pacer } from './pacer.js';
import { makePayload } from './payload.js';
import { liveLines, type LoadMeasure } from './report.js';

/** In a closed loop the latency of every n-th record is measured: a clock reading per record would cost throughput. */
const closedLoopSampling = 64;
/** How many records are handed over before the event loop gets a turn to send them. */
const recordsPerTurn = 512;

export async function produceLoad(topic: string, options: LoadOptions, signal: AbortSignal): Promise<LoadMeasure> {
  const load = new ProduceLoad(topic, options);
  try {
    if (options.warmupRecords > 0) await load.run(options.warmupRecords, signal);
    load.reset();
    const stopLive = liveLines(load, options.json);
    const clock = new LoadClock();
    try {
      await load.run(options.records, signal);
    } finally {
      stopLive();
    }
    const span = clock.span();
    return { records: load.records, bytes: load.bytes, span, latencyMs: load.latencies.summary() };
  } finally {
    await load.close();
  }
}

class ProduceLoad {
  readonly #topic: string;
  readonly #rate: number;
  readonly #values: readonly Buffer[];
  readonly #producers: readonly Producer[];
  readonly latencies = new Latencies();
  /** Acknowledged records and the bytes of their values. */
  records = 0;
  bytes = 0;
  #firstError: MillraceError | undefined;

  constructor(topic: string, options: LoadOptions) {
    this.#topic = topic;
    this.#rate = options.rate;
    this.#values = makePayload(options.payload, options.recordBytes);
    this.#producers = Array.from({ length: options.producers }, () => new Producer(producerOptions(options)));
  }

  reset(): void {
    this.latencies.reset();
    this.records = 0;
    this.bytes = 0;
  }

  async run(records: number, signal: AbortSignal): Promise<void> {
    const pacer = this.#rate === 0 ? undefined : new Pacer(this.#rate);
    for (let index = 0; index < records && this.#firstError === undefined;) {
      signal.throwIfAborted();
      const due = pacer === undefined ? index + recordsPerTurn : await pacer.nextDue(index);
      const end = Math.min(records, due);
      while (index < end && this.#enqueue(index, pacer?.dueMs(index))) index += 1;
      if (index < end) await this.#producer(index).ready({ signal });
      else if (pacer === undefined) await nextTurn();
    }
    await Promise.all(this.#producers.map((producer) => producer.flush({ signal })));
    if (this.#firstError !== undefined) throw this.#firstError;
  }

  async close(): Promise<void> {
    await Promise.all(this.#producers.map((producer) => producer.close()));
  }

  #producer(index: number): Producer {
    const producer = this.#producers[index % this.#producers.length];
    assert(producer !== undefined, 'a load has at least one producer');
    return producer;
  }

  #enqueue(index: number, dueMs: number | undefined): boolean {
    const value = this.#values[index % this.#values.length];
    assert(value !== undefined, 'a load has at least one value');
    const measured = dueMs !== undefined || index % closedLoopSampling === 0;
    const record = { topic: this.#topic, value };
    if (!measured) return this.#producer(index).enqueue(record, this.#delivered);
    const sinceMs = dueMs ?? performance.now();
    return this.#producer(index).enqueue(record, (error, partition, offset) => {
      this.latencies.recordMs(performance.now() - sinceMs);
      this.#delivered(error, partition, offset);
    });
  }

  readonly #delivered: DeliveryCallback = (error) => {
    if (error !== undefined) this.#firstError ??= error;
    else {
      // Values are used in turn, so the n-th acknowledgement stands for the n-th value: sums come out right.
      this.bytes += this.#values[this.records % this.#values.length]?.length ?? 0;
      this.records += 1;
    }
  };
}

function producerOptions(options: LoadOptions): ProducerOptions {
  return {
    bootstrap: options.bootstrap,
    acks: options.acks === 'all' ? 'all' : options.acks === '1' ? 1 : 0,
    compression: options.compression,
    lingerMs: options.lingerMs,
    ...(options.batchBytes === undefined ? {} : { batchBytes: options.batchBytes }),
  };
}
