/**
 * What the project aims at beside what a run reached. A figure reaches its aim with its median.
 *
 * Throughput is held against the raw pipeline as a whole: three processes at the same time, as the text of the aims says
 * (socket to file to socket). Decision record 8 has the reasons; the stricter halves are among the figures of the report.
 */
import type { BenchResults } from './report-page.js';
import { formatSpread, type Spread } from './statistics.js';

export interface GoalRow {
  readonly aim: string;
  readonly wanted: string;
  readonly figure: string;
  readonly isReached: boolean;
}

export function goalRows({ startUp, throughput, latency, replication }: BenchResults): readonly GoalRow[] {
  const atLeast = (aim: string, figures: Spread, bound: number): GoalRow => ({
    aim,
    wanted: `>= ${bound}`,
    figure: formatSpread(figures, 2),
    isReached: figures.median >= bound,
  });
  const below = (aim: string, figures: Spread, bound: number, digits = 0): GoalRow => ({
    aim,
    wanted: `< ${bound}`,
    figure: formatSpread(figures, digits),
    isReached: figures.median < bound,
  });
  return [
    ...throughput.flatMap(({ recordBytes, ratios }) => {
      const size = sizeName(recordBytes);
      return [
        atLeast(`${size}: whole pipeline / raw pipeline`, ratios.wholeToRawWhole, 0.5),
        atLeast(`${size}: produce / raw pipeline`, ratios.produceToRawWhole, 0.6),
        atLeast(`${size}: consume / raw pipeline`, ratios.consumeToRawWhole, 0.6),
        atLeast(`${size}: both at once / slower alone`, ratios.wholeToSlowerAlone, 0.8),
      ];
    }),
    atLeast('3 replicas / 1 replica', replication.share, 0.3),
    below(`end to end at ${latency.rate}/s, p50 ms`, latency.p50Ms, 1, 2),
    below(`end to end at ${latency.rate}/s, p99 ms`, latency.p99Ms, 5, 2),
    below('start to ready, ms', startUp.readyMs, 300),
    below('start to first acknowledged record, ms', startUp.firstAcknowledgedMs, 400),
    below('idle memory, MB', startUp.idleRssMb, 90),
    below('idle processor time, % of one', startUp.idleCpuPercent, 1, 1),
  ];
}

export function sizeName(recordBytes: number): string {
  return recordBytes === 1024 ? '1 KiB' : `${recordBytes} B`;
}
