/**
 * `millrace perf latency`: from the moment a record was due to the moment a consumer at the tail has it, at a fixed rate.
 *
 * The first 8 bytes of each value are its number, from which the consumer knows when it was due; both ends run in this
 * process, so there is one clock.
 */
import { MillraceError } from '@millrace/base';
import { Consumer } from '@millrace/consumer';
import { Producer } from '@millrace/producer';
import { Latencies } from './latencies.js';
import { LoadClock } from './load-clock.js';
import type { LoadOptions } from './load-options.js';
import { Pacer } from './pacer.js';
import { makePayload } from './payload.js';
import { liveLines, type LoadMeasure } from './report.js';

const numberBytes = 8;

export async function latencyLoad(topic: string, options: LoadOptions, signal: AbortSignal): Promise<LoadMeasure> {
  const total = options.warmupRecords + options.records;
  const latencies = new Latencies();
  const count = { records: 0, bytes: 0 };
  await using consumer = new Consumer({ bootstrap: options.bootstrap, topics: [topic], from: 'end' });
  await using producer = new Producer({
    bootstrap: options.bootstrap,
    acks: options.acks === 'all' ? 'all' : options.acks === '1' ? 1 : 0,
    compression: options.compression,
    lingerMs: options.lingerMs,
  });
  // The reader has to stand at the end before the first record is written.
  await consumer.ready({ signal });

  const pacer: { current?: Pacer } = {};
  const reading = (async (): Promise<void> => {
    let received = 0;
    for await (const batch of consumer.batches({ signal })) {
      const nowMs = performance.now();
      for (const record of batch) {
        received += 1;
        if (received <= options.warmupRecords || record.value === null || pacer.current === undefined) continue;
        const index = new DataView(record.value.buffer, record.value.byteOffset).getFloat64(0);
        latencies.recordMs(nowMs - pacer.current.dueMs(index));
        count.records += 1;
        count.bytes += record.value.length;
      }
      if (received >= total) return;
    }
  })();

  const values = makePayload(options.payload, Math.max(numberBytes, options.recordBytes));
  const stopLive = liveLines(count, options.json);
  const clock = new LoadClock();
  let failure: MillraceError | undefined;
  try {
    pacer.current = new Pacer(options.rate);
    for (let index = 0; index < total && failure === undefined;) {
      signal.throwIfAborted();
      const due = Math.min(total, await pacer.current.nextDue(index));
      for (; index < due; index += 1) {
        const value = Buffer.from(values[index % values.length] ?? new Uint8Array(numberBytes));
        value.writeDoubleBE(index);
        const accepted = producer.enqueue({ topic, value }, (error) => (failure ??= error));
        if (!accepted)
          throw new MillraceError(
            'OVERLOADED',
            `The cluster cannot take ${options.rate} records a second; lower --rate`,
          );
      }
    }
    await producer.flush({ signal });
    if (failure !== undefined) throw failure;
    await reading;
  } finally {
    stopLive();
  }
  return { ...count, span: clock.span(), latencyMs: latencies.summary() };
}
