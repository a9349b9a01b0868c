import { expect, test } from 'vitest';
import { Latencies } from '../../src/perf/latencies.js';
import type { ProcessResult } from '../../src/perf/load-messages.js';
import { loadResult } from '../../src/perf/load-result.js';
import { loadSpec, parseSpec } from '../../src/perf/load-spec.js';

const spec = parseSpec(loadSpec, { kind: 'produce', records: 300 }, 'the load');

function part(records: number, fromMs: number, toMs: number, latenciesMs: readonly number[]): ProcessResult {
  const latencies = new Latencies();
  for (const ms of latenciesMs) latencies.recordMs(ms);
  const span = { seconds: (toMs - fromMs) / 1000, startedAtMs: fromMs, endedAtMs: toMs, cpuSeconds: 0.5 };
  return { pid: records, records, bytes: records * 10, span, maxRssBytes: records, histogram: latencies.encode() };
}

test('processes that ran at different times last from the first start to the last end', () => {
  const result = loadResult({ spec, processes: [part(100, 1000, 2000, [1]), part(200, 1500, 3000, [1])] });
  expect(result).toMatchObject({ records: 300, bytes: 3000, seconds: 2, recordsPerSecond: 150, cpuSeconds: 1 });
  expect(result.maxRssBytes).toBe(200);
  expect(result.processes.map(({ cpuSecondsPerMillionRecords }) => cpuSecondsPerMillionRecords)).toEqual([5000, 2500]);
});

test('percentiles are those of all processes together, not a mean of theirs', () => {
  const quick = part(900, 0, 1000, Array<number>(900).fill(1));
  const slow = part(100, 0, 1000, Array<number>(100).fill(1000));
  const { latencyMs } = loadResult({ spec, processes: [quick, slow] });
  expect(latencyMs.p50).toBeLessThan(1.01);
  expect(latencyMs.p90).toBeLessThan(1.01);
  expect(latencyMs.p99).toBeGreaterThan(990);
});

test('a process without records costs nothing per million', () => {
  const result = loadResult({ spec, processes: [part(0, 0, 1000, [])] });
  expect(result.processes[0]?.cpuSecondsPerMillionRecords).toBeNull();
  expect(result.recordsPerSecond).toBe(0);
});
