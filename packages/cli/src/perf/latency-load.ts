/**
 * `millrace perf latency`: from the moment a record was due to the moment a consumer at the tail has it, at a fixed rate.
 * Both ends run in this process.
 */
import { MillraceError } from '@millrace/base';
import { Consumer } from '@millrace/consumer';
import { Producer } from '@millrace/producer';
import { Latencies } from './latencies.js';
import type { Load, LoadTarget, RunSignals } from './load.js';
import { LoadClock, type LoadSpan } from './load-clock.js';
import type { LatencySpec } from './load-spec.js';
import { Pacer } from './pacer.js';
import { makePayload } from './payload.js';
import { producerOptions } from './produce-load.js';
import { nowSince1970Ms, stampBytes, stamped, stampOf } from './stamp.js';

export class LatencyLoad implements Load {
  readonly #spec: LatencySpec;
  readonly #topic: string;
  readonly #consumer: Consumer;
  readonly #producer: Producer;
  readonly latencies = new Latencies();
  records = 0;
  bytes = 0;

  constructor(spec: LatencySpec, { bootstrap, topic }: LoadTarget) {
    this.#spec = spec;
    this.#topic = topic;
    this.#consumer = new Consumer({ bootstrap, topics: [topic], from: 'end' });
    this.#producer = new Producer(producerOptions(spec, bootstrap));
  }

  /** The reader has to stand at the end before the first record is written. */
  async prepare(abort: AbortSignal): Promise<void> {
    await this.#consumer.ready({ signal: abort });
  }

  async run({ abort }: RunSignals): Promise<LoadSpan> {
    const clock = new LoadClock();
    const reading = this.#read(abort);
    // It is awaited below, and may fail before that.
    reading.catch(() => undefined);
    await this.#write(abort);
    await reading;
    return clock.span();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#producer.close();
    await this.#consumer.close();
  }

  async #read(abort: AbortSignal): Promise<void> {
    const total = this.#spec.warmupRecords + this.#spec.records;
    let received = 0;
    for await (const batch of this.#consumer.batches({ signal: abort })) {
      const nowMs = nowSince1970Ms();
      for (const { value } of batch) {
        received += 1;
        if (received <= this.#spec.warmupRecords || value === null) continue;
        this.latencies.recordMs(nowMs - stampOf(value));
        this.records += 1;
        this.bytes += value.length;
      }
      if (received >= total) return;
    }
  }

  async #write(abort: AbortSignal): Promise<void> {
    const { rate, payload, recordBytes, warmupRecords, records } = this.#spec;
    const values = makePayload(payload, Math.max(stampBytes, recordBytes));
    const total = warmupRecords + records;
    let failure: MillraceError | undefined;
    const pacer = new Pacer(rate);
    for (let index = 0; index < total && failure === undefined;) {
      abort.throwIfAborted();
      const due = Math.min(total, await pacer.nextDue(index));
      for (; index < due; index += 1) {
        const prepared = values[index % values.length] ?? Buffer.alloc(stampBytes);
        const value = stamped(prepared, performance.timeOrigin + pacer.dueMs(index));
        const accepted = this.#producer.enqueue({ topic: this.#topic, value }, (error) => (failure ??= error));
        if (!accepted)
          throw new MillraceError('OVERLOADED', `The cluster cannot take ${rate} records a second; lower --rate`);
      }
    }
    await this.#producer.flush({ signal: abort });
    if (failure !== undefined) throw failure;
  }
}
