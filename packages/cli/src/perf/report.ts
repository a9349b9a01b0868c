/** The report of a run as a file: what ran, where, with which durability, and its figures. */
import { writeFileSync } from 'node:fs';
import { z } from 'zod';
import type { LoadResult } from './load-result.js';
import { parseSpec } from './load-spec.js';
import type { LoadSpec } from './load-spec.js';
import type { Machine } from './machine.js';
import { parseJson } from './workload.js';

export interface PerfReport {
  readonly kind: string;
  /** In ISO 8601. */
  readonly at: string;
  readonly version: string;
  readonly commit: string | null;
  readonly machine: Machine;
  readonly topic: ReportedTopic;
  readonly loads: readonly { readonly name: string; readonly settings: LoadSpec; readonly result: LoadResult }[];
  /** Nodes that were watched with --watch-pid. */
  readonly nodes: readonly WatchedNode[];
}

export interface ReportedTopic {
  readonly name: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  /** What an acknowledgement means: `fsync` or `replicated`. */
  readonly durability: string;
  readonly minInsyncReplicas: string;
}

export interface WatchedNode {
  readonly pid: number;
  /** While the loads ran; their warm-up is before. */
  readonly cpuSeconds: number;
  readonly cpuSecondsPerMillionRecords: number | null;
  readonly peakRssBytes: number;
}

export function loadName({ name, kind }: LoadSpec, index: number): string {
  return name ?? (index === 0 ? kind : `${kind}-${index + 1}`);
}

export function writeReport(file: string, report: PerfReport): void {
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
}

const figure = z.number().nullable();
const latencies = z.object({ p50: figure, p90: figure, p99: figure, p999: figure, max: figure });

/** As much of a report as a comparison needs. */
const comparable = z.object({
  at: z.string(),
  commit: z.string().nullable(),
  machine: z.object({ cpus: z.number(), model: z.string(), node: z.string() }),
  topic: z.object({ partitions: z.number(), replicationFactor: z.number(), durability: z.string() }),
  loads: z.array(
    z.object({
      name: z.string(),
      settings: z.record(z.string(), z.unknown()),
      result: z.object({
        records: z.number(),
        recordsPerSecond: figure,
        mbPerSecond: figure,
        cpuSeconds: z.number(),
        maxRssBytes: z.number(),
        latencyMs: latencies,
      }),
    }),
  ),
  nodes: z.array(z.object({ cpuSecondsPerMillionRecords: figure, peakRssBytes: z.number() })),
});

export type ComparableReport = z.output<typeof comparable>;

export function readReport(file: string): ComparableReport {
  return parseSpec(comparable, parseJson(file), `${file} is no report of millrace perf`);
}
