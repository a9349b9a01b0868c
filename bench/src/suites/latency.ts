/** From due to consumed at a fixed rate, each record synced before it is acknowledged. */
import { perf, startMillrace } from '../nodes/millrace-node.js';
import { below } from '../report/goal.js';
import { type Spread, spread } from '../report/statistics.js';
import { defineSuite, type Scale } from '../suite.js';

interface LatencyFigures {
  readonly rate: number;
  readonly p50Ms: Spread;
  readonly p99Ms: Spread;
  readonly p999Ms: Spread;
}

const rate = 5000;

async function measure({ rounds, pick }: Scale): Promise<LatencyFigures> {
  const seconds = pick(5, 15);
  const results = [];
  for (let round = 0; round < rounds; round += 1) {
    await using node = await startMillrace();
    results.push(await perf('latency', node.bootstrap, { rate, records: rate * seconds, 'warmup-records': rate * 2 }));
  }
  return {
    rate,
    p50Ms: spread(results.map(({ latencyMs }) => latencyMs.p50)),
    p99Ms: spread(results.map(({ latencyMs }) => latencyMs.p99)),
    p999Ms: spread(results.map(({ latencyMs }) => latencyMs.p999)),
  };
}

export const latency = defineSuite<LatencyFigures>({
  name: 'latency',
  title: 'End to end',
  measure,
  present: ({ rate, p50Ms, p99Ms, p999Ms }) => ({
    figures: [
      { name: `end to end at ${rate}/s, p50`, value: p50Ms, unit: 'ms', digits: 2 },
      { name: `end to end at ${rate}/s, p99`, value: p99Ms, unit: 'ms', digits: 2 },
      { name: `end to end at ${rate}/s, p99.9`, value: p999Ms, unit: 'ms', digits: 2 },
    ],
    goals: [
      below(`end to end at ${rate}/s, p50 ms`, p50Ms, 1, 2),
      below(`end to end at ${rate}/s, p99 ms`, p99Ms, 5, 2),
    ],
    notes: `From the moment a record was due to the moment a consumer has it; each was synced before it was acknowledged. The figures
contain the wait for a sync and for a free processor.`,
  }),
});
