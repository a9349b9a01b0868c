/** The figures of a run for people and for programs. */
import { formatBytes, printJson, printLine, printTable } from '../output/print.js';
import type { LoadResult } from './load-result.js';
import type { PerfReport } from './report.js';

/** One load is printed as it is; several, or watched nodes, as the whole report. */
export function printReportJson(report: PerfReport): void {
  const [load, ...others] = report.loads;
  const isOneLoad = load !== undefined && others.length === 0 && report.nodes.length === 0;
  printJson(isOneLoad && report.kind !== 'run' ? load.result : report);
}

export function printReport({ loads, nodes, topic }: PerfReport): void {
  printTable(
    ['LOAD', 'RECORDS', 'BYTES', 'SECONDS', 'RECORDS/S', 'MB/S', 'P50 MS', 'P90 MS', 'P99 MS', 'P99.9 MS', 'MAX MS'],
    loads.map(({ name, result }) => [name, ...cells(result)]),
  );
  printLine('');
  printTable(
    ['PROCESS', 'PID', 'RECORDS', 'CPU S', 'CPU S/MILLION', 'PEAK MEMORY'],
    [
      ...loads.flatMap(({ name, result }) =>
        result.processes.map(({ pid, records, cpuSeconds, cpuSecondsPerMillionRecords, maxRssBytes }) => [
          name,
          String(pid),
          records,
          cpuSeconds,
          cpuSecondsPerMillionRecords ?? '-',
          formatBytes(maxRssBytes),
        ]),
      ),
      ...nodes.map(({ pid, cpuSeconds, cpuSecondsPerMillionRecords, peakRssBytes }) => [
        'node',
        String(pid),
        '-',
        cpuSeconds,
        cpuSecondsPerMillionRecords ?? '-',
        formatBytes(peakRssBytes),
      ]),
    ],
  );
  printLine(
    `\nAcknowledged means ${topic.durability} on ${topic.minInsyncReplicas} of ${topic.replicationFactor} replicas where acks is all.`,
  );
}

function cells(result: LoadResult): (string | number)[] {
  const { p50, p90, p99, p999, max } = result.latencyMs;
  return [
    result.records,
    formatBytes(result.bytes),
    result.seconds,
    Math.round(result.recordsPerSecond),
    result.mbPerSecond,
    p50,
    p90,
    p99,
    p999,
    max,
  ];
}
