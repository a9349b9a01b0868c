/** The load generator with processes of its own against a real node: what it says it did is what the node has. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type NodeProcess, runMillrace, startNode, temporaryDirectory } from './node-process.js';

interface Report {
  readonly topic: { readonly durability: string; readonly partitions: number };
  readonly loads: readonly {
    readonly name: string;
    readonly result: {
      readonly records: number;
      readonly latencyMs: { readonly max: number };
      readonly processes: readonly { readonly pid: number; readonly records: number; readonly maxRssBytes: number }[];
    };
  }[];
  readonly nodes: readonly { readonly cpuSeconds: number; readonly peakRssBytes: number }[];
}

const directory = temporaryDirectory();
const free = '127.0.0.1:0';
let node: NodeProcess;

beforeAll(async () => {
  const data = join(directory.path, 'data');
  node = await startNode([
    ...['--data', data, '--client', free, '--internal', free, '--http', free, '--log-level', 'error'],
  ]);
});

afterAll(async () => {
  await node.end('SIGTERM');
  directory[Symbol.dispose]();
});

async function perf(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runMillrace(['perf', ...args, '--bootstrap', node.ready.client, '--json']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

test('a workload of two producers, two readers at the tail and one that catches up: every record once for each reader', async () => {
  const workload = join(directory.path, 'workload.json');
  const report = join(directory.path, 'report.json');
  const loads = [
    { name: 'write', kind: 'produce', processes: 2, records: 3001, rate: 3000, stamp: true, warmupRecords: 100 },
    { name: 'live', kind: 'consume', processes: 2, from: 'end' },
    { name: 'late', kind: 'consume', from: 'beginning', startAfterSeconds: 0.5 },
  ];
  writeFileSync(workload, JSON.stringify({ topic: { partitions: 3 }, loads }));
  const pid = String(node.ready.pid);
  await perf(['run', workload, '--report', report, '--watch-pid', pid]);
  const written = JSON.parse(readFileSync(report, 'utf8')) as Report;
  expect(written.topic).toMatchObject({ durability: 'fsync', partitions: 3 });
  expect(written.loads.map(({ name, result }) => [name, result.records])).toEqual([
    ['write', 3001],
    ['live', 6002],
    ['late', 3001],
  ]);
  const [write, live] = written.loads;
  expect(new Set(write?.result.processes.map((part) => part.pid)).size).toBe(2);
  expect(live?.result.processes.map(({ records }) => records)).toEqual([3001, 3001]);
  expect(live?.result.latencyMs.max).toBeGreaterThan(0);
  expect(written.nodes[0]?.peakRssBytes).toBeGreaterThan(10e6);
});

test('a group of readers shares what producers with skewed keys wrote', async () => {
  const records = 4000;
  const write = ['--records', String(records), '--producers', '2', '--keys', '50', '--skew', '1.2'];
  await perf(['produce', '--topic', 'shared', '--partitions', '4', ...write, '--compression', 'lz4']);
  const read = await perf(['consume', '--topic', 'shared', '--consumers', '2', '--group', 'readers']);
  expect((JSON.parse(read) as { records: number }).records).toBe(records);
});

test('records of a load in transactions count once they are committed, the last and smaller one too', async () => {
  const write = ['--records', '2500', '--transaction-records', '1000', '--producers', '2', '--warmup-records', '30'];
  const written = await perf(['produce', '--topic', 'whole', ...write]);
  expect((JSON.parse(written) as { records: number }).records).toBe(2500);
  const read = await perf(['consume', '--topic', 'whole', '--records', '2530', '--isolation', 'read-committed']);
  expect((JSON.parse(read) as { records: number }).records).toBe(2530);
  const { stdout } = await runMillrace(['transaction', 'list', '--bootstrap', node.ready.client, '--json']);
  const states = (JSON.parse(stdout) as { state: string }[]).map(({ state }) => state);
  // The answer to a commit does not wait for what completes it.
  expect(states).toEqual([expect.stringMatching(/-commit$/), expect.stringMatching(/-commit$/)]);
});

test('a load that fails in its process fails the command, with the reason of the process', async () => {
  const { code, stderr } = await runMillrace([
    ...['perf', 'produce', '--topic', 'shared', '--bootstrap', node.ready.client, '--json'],
    ...['--producers', '2', '--records', '10', '--payload', '/nowhere/lines'],
  ]);
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^millrace: INVALID_REQUEST: A produce load \(process \d+\): .*\/nowhere\/lines cannot be read/,
  );
});
