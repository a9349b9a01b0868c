/**
 * `npm run soak`: one node under a steady load while producers, group members and topics come and go. Samples its memory,
 * descriptors and handles, and fails when one of them grows.
 *
 *     npm run soak -- --minutes 60
 *     npm run soak -- --minutes 10 --rate 5000 --slow-readers 2000 --max-old-space-size 32
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import Table from 'cli-table3';
import { Command } from 'commander';
import { Admin } from 'millrace';
import { benchScript, millrace, runChild, type RunningChild, startChild } from '../nodes/child.js';
import { type LoadFigures, perf, startMillrace } from '../nodes/millrace-node.js';
import { churn } from './churn.js';
import { type Sample, trendOf } from './trend.js';

interface SoakOptions {
  readonly minutes: number;
  readonly rate?: number;
  readonly slowReaders: number;
  readonly maxOldSpaceSize?: number;
  readonly memory: number;
  readonly samples?: string;
}

const topic = 'soak';
const sampleEveryMs = 2000;
const mib = 1024 * 1024;
const recordBytes = 1024;

/** What may be added in an hour before it counts as growth: less than that is not told from noise. */
const watched = {
  'resident memory, MiB': 20,
  'heap used, MiB': 10,
  'buffers beyond caches and pools, MiB': 10,
  descriptors: 20,
} as const;
type Watched = keyof typeof watched;

const options = new Command('npm run soak --')
  .option('--minutes <n>', 'how long', Number, 60)
  .option('--rate <n>', 'records of 1 KiB a second (default: half of what this machine does in three seconds)', Number)
  .option('--slow-readers <n>', 'connections that ask for much and take little', Number, 0)
  .option('--max-old-space-size <mib>', 'limit of the node’s heap', Number)
  .option('--memory <mib>', 'of each: log.cache.bytes and buffer.pool.bytes', Number, 16)
  .option('--samples <file>', 'write every sample there, as JSON')
  .parse()
  .opts<SoakOptions>();

await using node = await startMillrace({
  settings: [
    ...['retention.bytes=16777216', 'segment.bytes=4194304', 'log.housekeeping.interval.ms=5000'],
    // They fill with use, and are full early so that what grows then is something else.
    ...[`log.cache.bytes=${options.memory * mib}`, `buffer.pool.bytes=${options.memory * mib}`],
  ],
  ...(options.maxOldSpaceSize === undefined ? {} : { execArgv: [`--max-old-space-size=${options.maxOldSpaceSize}`] }),
});
await using admin = new Admin({ bootstrap: node.bootstrap });
await admin.createTopic({ name: topic, partitions: 8 });
const rate = options.rate ?? (await halfLoad());
const seconds = Math.round(options.minutes * 60);
process.stdout.write(`${options.minutes} min at ${rate} records/s of ${recordBytes} B, node ${node.pid}\n`);

const slow = await startSlow();
const stop = new AbortController();
const samples = new Map<Watched, Sample[]>();
const sampling = sampleAll();
const churning = churn(node.bootstrap, topic, stop.signal);
const load = { topic, rate, records: rate * seconds, 'record-bytes': recordBytes };
const reading = runChild<LoadFigures>(millrace, [
  ...['perf', 'consume', '--bootstrap', node.bootstrap, '--topic', topic, '--from', 'end', '--json'],
  ...['--records', String(Math.round(rate * seconds * 0.9))],
]);
const written = await perf('produce', node.bootstrap, load);
stop.abort();
const counts = await churning;
const read = await reading;
await sampling;
await slow?.stop();

if (options.samples !== undefined) writeFileSync(options.samples, JSON.stringify(Object.fromEntries(samples)));
const rows = [...samples].map(([name, values]) => ({ name, ...trendOf(values, watched[name]) }));
const table = new Table({
  head: ['', 'first', 'last', 'most', 'per hour', 'scatter', ''],
  style: { head: [], border: [], compact: true },
});
for (const { name, first, last, max, perHour, scatter, isGrowing } of rows)
  table.push([
    name,
    ...[first, last, max, perHour, scatter].map((value) => value.toFixed(1)),
    isGrowing ? 'GROWS' : 'flat',
  ]);
process.stdout.write(`${table.toString()}\n`);
process.stdout.write(
  `written ${written.records} (p50 ${written.latencyMs.p50} ms, p99 ${written.latencyMs.p99} ms), read ${read.records}; ` +
    `${counts.producers} producers, ${counts.members} members and ${counts.topics} topics came and went\n`,
);
const growing = rows.filter(({ isGrowing }) => isGrowing);
process.stdout.write(growing.length === 0 ? 'Flat.\n' : `Grows: ${growing.map(({ name }) => name).join(', ')}.\n`);
process.exitCode = growing.length === 0 ? 0 : 1;

async function halfLoad(): Promise<number> {
  const load = { topic, records: 10_000_000, seconds: 3, 'record-bytes': recordBytes };
  return Math.round((await perf('produce', node.bootstrap, load)).recordsPerSecond / 2);
}

async function startSlow(): Promise<RunningChild | undefined> {
  if (options.slowReaders === 0) return undefined;
  return startChild(benchScript('clients/slow-readers'), [node.bootstrap, topic, String(options.slowReaders)]);
}

async function sampleAll(): Promise<void> {
  const startedMs = performance.now();
  while (!stop.signal.aborted) {
    const atSeconds = (performance.now() - startedMs) / 1000;
    // A connection for each: one that is kept could be closed by the node in the moment in which it is used again.
    const reply = await fetch(`http://${node.http}/metrics`, { headers: { connection: 'close' } });
    const metrics = await reply.text();
    const metric = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics)?.[1]);
    note('resident memory, MiB', atSeconds, residentBytes() / mib);
    note('heap used, MiB', atSeconds, metric('millrace_process_heap_used_bytes') / mib);
    const buffers = metric('millrace_process_buffers_bytes') / mib;
    // Up to there they fill as they are used; resident memory would show what hides behind that.
    note('buffers beyond caches and pools, MiB', atSeconds, Math.max(0, buffers - 2 * options.memory));
    note('descriptors', atSeconds, readdirSync(`/proc/${node.pid}/fd`).length);
    await sleep(sampleEveryMs);
  }
}

function note(name: Watched, atSeconds: number, value: number): void {
  const values = samples.get(name) ?? [];
  values.push({ atSeconds, value });
  samples.set(name, values);
}

function residentBytes(): number {
  const line = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${node.pid}/status`, 'utf8'));
  return Number(line?.[1]) * 1024;
}
