/** The end of a load: figures for people, for programs and for a file that can be compared later. */
import { writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { formatBytes, formatCount, printJson, printLine, printNote, printTable } from '../output/print.js';
import type { LatencySummary } from './latencies.js';
import type { LoadSpan } from './load-clock.js';

export interface LoadResult {
  readonly records: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly recordsPerSecond: number;
  readonly mbPerSecond: number;
  readonly latencyMs: LatencySummary;
  /** When the measured part began and ended, in milliseconds since 1970: to put loads of several processes together. */
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** Processor seconds of the load's own process in the measured part, user and system together. */
  readonly cpuSeconds: number;
  readonly maxRssBytes: number;
}

export interface LoadMeasure {
  readonly records: number;
  readonly bytes: number;
  readonly span: LoadSpan;
  readonly latencyMs: LatencySummary;
}

export function loadResult({ records, bytes, span, latencyMs }: LoadMeasure): LoadResult {
  const { seconds } = span;
  return {
    records,
    bytes,
    seconds: round(seconds, 6),
    recordsPerSecond: round(records / seconds, 1),
    mbPerSecond: round(bytes / seconds / 1e6, 3),
    latencyMs,
    startedAtMs: round(span.startedAtMs, 3),
    endedAtMs: round(span.endedAtMs, 3),
    cpuSeconds: round(span.cpuSeconds, 3),
    maxRssBytes: process.resourceUsage().maxRSS * 1024,
  };
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

export interface ReportOptions {
  readonly json: boolean;
  readonly report?: string;
}

export function printLoad(kind: string, result: LoadResult, settings: object, options: ReportOptions): void {
  if (options.report !== undefined) {
    const machine = {
      cpus: cpus().length,
      model: cpus()[0]?.model ?? 'unknown',
      memoryBytes: totalmem(),
      node: process.version,
      platform: process.platform,
    };
    writeFileSync(
      options.report,
      `${JSON.stringify({ kind, at: new Date().toISOString(), machine, settings, result }, null, 2)}\n`,
    );
  }
  if (options.json) {
    printJson(result);
    return;
  }
  printTable(
    ['RECORDS', 'BYTES', 'SECONDS', 'RECORDS/S', 'MB/S', 'P50 MS', 'P90 MS', 'P99 MS', 'P99.9 MS', 'MAX MS'],
    [
      [
        result.records,
        formatBytes(result.bytes),
        result.seconds,
        Math.round(result.recordsPerSecond),
        result.mbPerSecond,
        result.latencyMs.p50,
        result.latencyMs.p90,
        result.latencyMs.p99,
        result.latencyMs.p999,
        result.latencyMs.max,
      ],
    ],
  );
  if (options.report !== undefined) printLine(`\nReport: ${options.report}`);
}

/** A line each second on standard error while the load runs, unless JSON was asked for. */
export function liveLines(running: { readonly records: number; readonly bytes: number }, quiet: boolean): () => void {
  if (quiet) return () => undefined;
  let last = { records: running.records, bytes: running.bytes };
  let lastMs = performance.now();
  const timer = setInterval(() => {
    const now = { records: running.records, bytes: running.bytes };
    const nowMs = performance.now();
    const seconds = (nowMs - lastMs) / 1000;
    printNote(
      `${formatCount(now.records)} records, ${formatCount(Math.round((now.records - last.records) / seconds))}/s, ${((now.bytes - last.bytes) / seconds / 1e6).toFixed(1)} MB/s`,
    );
    last = now;
    lastMs = nowMs;
  }, 1000);
  return () => {
    clearInterval(timer);
  };
}
