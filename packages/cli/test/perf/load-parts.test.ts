import { expect, test } from 'vitest';
import { Latencies } from '../../src/perf/latencies.js';
import { Pacer } from '../../src/perf/pacer.js';
import { makePayload } from '../../src/perf/payload.js';

test('percentiles are those of the recorded values, to three digits', () => {
  const latencies = new Latencies();
  for (let ms = 1; ms <= 1000; ms += 1) latencies.recordMs(ms);
  const { p50, p99, max } = latencies.summary();
  expect(p50).toBeGreaterThan(499);
  expect(p50).toBeLessThan(502);
  expect(p99).toBeGreaterThan(988);
  expect(p99).toBeLessThan(992);
  expect(max).toBeGreaterThanOrEqual(1000);
  latencies.reset();
  expect(latencies.count).toBe(0);
});

test('records are due at equal distances from the start, and a late caller is told all that are due', async () => {
  const pacer = new Pacer(1000);
  expect(pacer.dueMs(10) - pacer.dueMs(0)).toBeCloseTo(10);
  const due = await pacer.nextDue(20);
  expect(due).toBeGreaterThanOrEqual(21);
  expect(performance.now()).toBeGreaterThanOrEqual(pacer.dueMs(20));
});

test('values have the size that was asked for', () => {
  expect(makePayload('random', 100).every((value) => value.length === 100)).toBe(true);
  const json = makePayload('json', 300);
  expect(json.every((value) => value.length === 300)).toBe(true);
  expect(() => JSON.parse(json[5]?.toString() ?? '') as unknown).not.toThrow();
});
