import { expect, test } from 'vitest';
import { compareReports } from '../../src/perf/compare-reports.js';
import type { ComparableReport } from '../../src/perf/report.js';

function report(recordsPerSecond: number, changes: Partial<ComparableReport> = {}): ComparableReport {
  return {
    at: '2026-01-01T00:00:00Z',
    commit: 'abc',
    machine: { cpus: 2, model: 'a', node: 'v20' },
    topic: { partitions: 1, replicationFactor: 1, durability: 'fsync' },
    loads: [
      {
        name: 'produce',
        settings: { recordBytes: 100 },
        result: {
          records: 1_000_000,
          recordsPerSecond,
          mbPerSecond: recordsPerSecond / 10_000,
          cpuSeconds: 2,
          maxRssBytes: 100e6,
          latencyMs: { p50: 1, p90: 2, p99: 3, p999: 4, max: 0 },
        },
      },
    ],
    nodes: [{ cpuSecondsPerMillionRecords: 1, peakRssBytes: 80e6 }],
    ...changes,
  };
}

test('figures of the same load stand side by side with their change', () => {
  const { figures, cautions } = compareReports(report(100_000), report(150_000));
  expect(cautions).toEqual([]);
  expect(figures).toContainEqual({
    load: 'produce',
    figure: 'records/s',
    before: 100_000,
    after: 150_000,
    changePercent: 50,
  });
  expect(figures.map(({ load }) => load)).toContain('node 1');
});

test('a change from nothing has no percentage', () => {
  const { figures } = compareReports(report(1), report(2));
  expect(figures.find(({ figure }) => figure === 'max ms')?.changePercent).toBeNull();
});

test('what makes two reports hard to compare is said', () => {
  const other = report(100_000, { topic: { partitions: 1, replicationFactor: 1, durability: 'replicated' } });
  const loads = [
    { ...report(1).loads[0]!, settings: { recordBytes: 1024 } },
    { ...report(1).loads[0]!, name: 'more' },
  ];
  expect(compareReports(report(100_000), { ...other, loads }).cautions).toEqual([
    'Durability differs: "fsync" and "replicated".',
    'Load produce: recordBytes is 100 in the first and 1024 in the second.',
    'Only the second has a load more.',
  ]);
});
