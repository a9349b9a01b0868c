/** The figures of a load: those of its processes put together. */
import { type LatencySummary, Latencies } from './latencies.js';
import type { LoadOutcome } from './run-loads.js';

export interface LoadResult {
  readonly records: number;
  readonly bytes: number;
  /** From the first start to the last end. */
  readonly seconds: number;
  readonly recordsPerSecond: number;
  readonly mbPerSecond: number;
  readonly latencyMs: LatencySummary;
  /** When the measured part began and ended, in milliseconds since 1970: to put loads of several programs together. */
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** Processor seconds of the load's processes in the measured part, user and system together. */
  readonly cpuSeconds: number;
  /** Of the process that had most. */
  readonly maxRssBytes: number;
  readonly processes: readonly ProcessFigures[];
}

export interface ProcessFigures {
  readonly pid: number;
  readonly records: number;
  readonly cpuSeconds: number;
  /** Null when it handled none. */
  readonly cpuSecondsPerMillionRecords: number | null;
  readonly maxRssBytes: number;
}

export function loadResult({ processes }: LoadOutcome): LoadResult {
  const sum = (of: (result: LoadOutcome['processes'][number]) => number): number =>
    processes.reduce((total, result) => total + of(result), 0);
  const startedAtMs = Math.min(...processes.map(({ span }) => span.startedAtMs));
  const endedAtMs = Math.max(...processes.map(({ span }) => span.endedAtMs));
  const seconds = Math.max(0.000_001, (endedAtMs - startedAtMs) / 1000);
  const records = sum((result) => result.records);
  const bytes = sum((result) => result.bytes);
  const latencies = new Latencies();
  for (const { histogram } of processes) latencies.addEncoded(histogram);
  return {
    records,
    bytes,
    seconds: round(seconds, 6),
    recordsPerSecond: round(records / seconds, 1),
    mbPerSecond: round(bytes / seconds / 1e6, 3),
    latencyMs: latencies.summary(),
    startedAtMs: round(startedAtMs, 3),
    endedAtMs: round(endedAtMs, 3),
    cpuSeconds: round(
      sum(({ span }) => span.cpuSeconds),
      3,
    ),
    maxRssBytes: Math.max(...processes.map(({ maxRssBytes }) => maxRssBytes)),
    processes: processes.map(({ pid, records: own, span, maxRssBytes }) => ({
      pid,
      records: own,
      cpuSeconds: round(span.cpuSeconds, 3),
      cpuSecondsPerMillionRecords: own === 0 ? null : round((span.cpuSeconds / own) * 1e6, 3),
      maxRssBytes,
    })),
  };
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
