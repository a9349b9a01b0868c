/** From due to consumed at a fixed rate, each record synced before it is acknowledged. */
import { perf, startMillrace } from './millrace-node.js';
import { type Spread, spread } from './statistics.js';

export interface LatencyFigures {
  readonly rate: number;
  readonly p50Ms: Spread;
  readonly p99Ms: Spread;
  readonly p999Ms: Spread;
}

export async function measureLatency(rate: number, seconds: number, rounds: number): Promise<LatencyFigures> {
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
