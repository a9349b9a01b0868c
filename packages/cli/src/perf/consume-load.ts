/**
 * `millrace perf consume`: how fast records are read from the beginning of a topic. Each record is visited and its value
 * looked at, and each batch is released, as by a program that keeps nothing of it. Latency is how long the reader waited
 * for each batch.
 */
import { Consumer } from '@millrace/consumer';
import { Latencies } from './latencies.js';
import { LoadClock } from './load-clock.js';
import type { LoadOptions } from './load-options.js';
import { liveLines, type LoadMeasure } from './report.js';

export async function consumeLoad(topic: string, options: LoadOptions, signal: AbortSignal): Promise<LoadMeasure> {
  const count = { records: 0, bytes: 0 };
  const latencies = new Latencies();
  await using consumer = new Consumer({ bootstrap: options.bootstrap, topics: [topic], from: 'beginning' });
  const stopLive = liveLines(count, options.json);
  const clock = new LoadClock();
  let waitingSinceMs = performance.now();
  let received = 0;
  let isWarm = options.warmupRecords === 0;
  try {
    for await (const batch of consumer.batches({ signal })) {
      latencies.recordMs(performance.now() - waitingSinceMs);
      for (const record of batch) {
        received += 1;
        count.records += 1;
        count.bytes += record.value?.length ?? 0;
      }
      batch.release();
      // Batches do not end where the warm-up does: what it took too much is not measured, but not waited for again.
      if (received >= options.warmupRecords + options.records) break;
      if (!isWarm && received >= options.warmupRecords) {
        isWarm = true;
        count.records = 0;
        count.bytes = 0;
        latencies.reset();
        clock.restart();
      }
      waitingSinceMs = performance.now();
    }
  } finally {
    stopLive();
  }
  return { ...count, span: clock.span(), latencyMs: latencies.summary() };
}
