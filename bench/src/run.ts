/**
 * `npm run bench`: figures of one node on this machine, each beside the raw pipeline of the same run where there is one, and
 * what the project aims at beside what was reached.
 *
 *     npm run bench                 about ten minutes
 *     npm run bench -- --quick      about three minutes: smaller, fewer rounds, for a first look
 *
 *     npm run bench -- --report     also writes docs/benchmarks.md
 *
 * Prints a table and writes bench/results/latest.json.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import Table from 'cli-table3';
import { Command } from 'commander';
import { measureFailover } from './failover.js';
import { measureLatency } from './latency.js';
import { measureManyPartitions } from './many-partitions.js';
import { measureRecovery } from './recovery.js';
import { goalRows } from './goals.js';
import { measureReplication } from './replication.js';
import { measureStartUp } from './start-up.js';
import { type BenchResults, describeRun, figureRows, reportPage } from './report-page.js';
import { measureThroughput } from './throughput.js';

const { quick, report } = new Command('npm run bench --')
  .option('--quick', 'smaller and fewer rounds', false)
  .option('--report', 'write docs/benchmarks.md', false)
  .parse()
  .opts<{ quick: boolean; report: boolean }>();
const rounds = quick ? 3 : 5;
const mb = 1e6;
const records = quick ? { small: 2_000_000, large: 300_000 } : { small: 4_000_000, large: 600_000 };

const results: BenchResults = {
  machine: {
    cpus: cpus().length,
    model: cpus()[0]?.model ?? 'unknown',
    memoryBytes: totalmem(),
    node: process.version,
    loadBefore: loadavg()[0] ?? NaN,
  },
  commit: commit(),
  rounds,
  startUp: await step('start-up and idle memory', () => measureStartUp(rounds)),
  throughput: [
    await step('throughput, 100 B', () => measureThroughput(100, records.small, rounds)),
    await step('throughput, 1 KiB', () => measureThroughput(1024, records.large, rounds)),
  ],
  latency: await step('latency at 5,000 records/s', () => measureLatency(5000, quick ? 5 : 15, rounds)),
  recovery: await step('recovery', async () => {
    const sizes = quick ? [1 * mb, 100 * mb] : [1 * mb, 100 * mb, 1000 * mb];
    const figures = [];
    for (const size of sizes) figures.push(await measureRecovery(size, rounds));
    return figures;
  }),
  failover: await step('failover of three nodes', () => measureFailover(quick ? 5 : 20)),
  replication: await step('three replicas', () => measureReplication(records.small / 2, rounds)),
  manyPartitions: await step('a thousand partitions', () => measureManyPartitions(1000, quick ? 1 : 3)),
};

process.stdout.write(`\n${describeRun(results)}\n`);
printTable(
  ['Figure', 'Median (range)', 'Unit'],
  figureRows(results).map(({ name, value, unit }) => [name, value, unit]),
);
printTable(
  ['Aim', 'Wanted', 'Median (range)', ''],
  goalRows(results).map(({ aim, wanted, figure, isReached }) => [
    aim,
    wanted,
    figure,
    isReached ? 'reached' : 'MISSED',
  ]),
);
save();

function printTable(head: string[], rows: readonly string[][]): void {
  const table = new Table({ head, style: { head: [], border: [], compact: true } });
  for (const row of rows) table.push(row);
  process.stdout.write(`${table.toString()}\n`);
}

function save(): void {
  const directory = fileURLToPath(new URL('../results/', import.meta.url));
  mkdirSync(directory, { recursive: true });
  writeFileSync(`${directory}latest.json`, `${JSON.stringify(results, null, 2)}\n`);
  process.stdout.write('Written to bench/results/latest.json\n');
  if (!report) return;
  writeFileSync(fileURLToPath(new URL('../../docs/benchmarks.md', import.meta.url)), reportPage(results));
  process.stdout.write('Written to docs/benchmarks.md\n');
}

async function step<Result>(name: string, measure: () => Promise<Result>): Promise<Result> {
  process.stderr.write(`measuring ${name} ...`);
  const startedMs = performance.now();
  const result = await measure();
  process.stderr.write(` ${((performance.now() - startedMs) / 1000).toFixed(0)} s\n`);
  return result;
}

function commit(): string {
  return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
}
