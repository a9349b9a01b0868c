import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readWorkload } from '../../src/perf/workload.js';

const ours = fileURLToPath(new URL('../../../../bench/workloads/', import.meta.url));
let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-workload-'));
});

afterAll(() => {
  rmSync(directory, { recursive: true });
});

function written(text: string): string {
  const file = join(directory, 'workload.json');
  writeFileSync(file, text);
  return file;
}

test.each(readdirSync(ours))('bench/workloads/%s is a workload and says what it shows', (name) => {
  const { about, loads } = readWorkload(join(ours, name));
  expect(about).toMatch(/\w/);
  expect(loads.length).toBeGreaterThan(0);
});

test('what a workload leaves out has defaults', () => {
  const { topic, loads } = readWorkload(written('{"loads":[{"kind":"produce","records":5}]}'));
  expect(topic).toEqual({ partitions: 1, configs: {} });
  expect(loads[0]).toMatchObject({ kind: 'produce', records: 5, rate: 0, recordBytes: 100, acks: 'all', processes: 1 });
});

test.each([
  ['{"loads":[]}', /at loads/],
  ['{"loads":[{"kind":"produce","records":1,"rate":-1}]}', /at loads\.0\.rate/],
  ['{"loads":[{"kind":"consume"}]}', /a workload that only reads needs records or seconds/],
  ['{"loads":', /is not JSON/],
])('%s is refused with the file and the place', (text, reason) => {
  const file = written(text);
  expect(() => readWorkload(file)).toThrow(reason);
  expect(() => readWorkload(file)).toThrow(file);
});

test('a file that is not there is named', () => {
  expect(() => readWorkload('/nowhere/w.json')).toThrow(/\/nowhere\/w\.json cannot be read/);
});
