/** The figures of a run as rows for people, and as the page docs/benchmarks.md. */
import { goalRows, sizeName } from './goals.js';
import type { FailoverFigures, Percentiles } from './failover.js';
import type { LatencyFigures } from './latency.js';
import type { ManyPartitionsFigures } from './many-partitions.js';
import type { RecoveryFigures } from './recovery.js';
import type { ReplicationFigures } from './replication.js';
import type { StartUpFigures } from './start-up.js';
import { formatSpread, type Spread } from './statistics.js';
import { type CostFigures, runNames, type RunName, type ThroughputFigures } from './throughput.js';

export interface BenchResults {
  readonly machine: {
    readonly cpus: number;
    readonly model: string;
    readonly memoryBytes: number;
    readonly node: string;
    /** Processes that wanted to run, on average of the minute before: what else the machine had to do. */
    readonly loadBefore: number;
  };
  readonly commit: string;
  readonly rounds: number;
  readonly startUp: StartUpFigures;
  readonly throughput: readonly ThroughputFigures[];
  readonly latency: LatencyFigures;
  readonly recovery: readonly RecoveryFigures[];
  readonly failover: readonly FailoverFigures[];
  readonly replication: ReplicationFigures;
  readonly manyPartitions: ManyPartitionsFigures;
}

export interface FigureRow {
  readonly name: string;
  readonly value: string;
  readonly unit: string;
}

const runTexts: Readonly<Record<RunName, string>> = {
  whole: 'Millrace, whole pipeline',
  produce: 'Millrace, produce alone',
  consume: 'Millrace, consume alone',
  rawWhole: 'raw pipeline, whole',
  rawProduceHalf: 'raw pipeline, to disk alone',
  rawConsumeHalf: 'raw pipeline, from disk alone',
};

const processTexts: Readonly<Record<CostFigures['process'], string>> = {
  sender: 'sender',
  middle: 'node',
  receiver: 'receiver',
};

export function figureRows(results: BenchResults): readonly FigureRow[] {
  const { startUp, throughput, latency, recovery, failover, replication, manyPartitions: many } = results;
  const rows: FigureRow[] = [];
  const row = (name: string, figures: Spread, unit: string, digits = 0): void => {
    rows.push({ name, value: formatSpread(figures, digits), unit });
  };
  row('start to ready', startUp.readyMs, 'ms');
  row('start to first acknowledged record', startUp.firstAcknowledgedMs, 'ms');
  row('idle memory (resident)', startUp.idleRssMb, 'MB');
  row('idle processor time', startUp.idleCpuPercent, '% of one', 1);
  for (const { recordBytes, recordsPerSecond, ratios } of throughput) {
    const size = sizeName(recordBytes);
    for (const name of runNames) row(`${size}: ${runTexts[name]}`, recordsPerSecond[name], 'records/s');
    row(`${size}: whole / raw whole`, ratios.wholeToRawWhole, 'ratio', 2);
    row(`${size}: produce alone / raw whole`, ratios.produceToRawWhole, 'ratio', 2);
    row(`${size}: consume alone / raw whole`, ratios.consumeToRawWhole, 'ratio', 2);
    row(`${size}: whole / slower end alone`, ratios.wholeToSlowerAlone, 'ratio', 2);
    row(`${size}: produce alone / raw to disk alone`, ratios.produceToRawHalf, 'ratio', 2);
    row(`${size}: consume alone / raw from disk alone`, ratios.consumeToRawHalf, 'ratio', 2);
  }
  row(`end to end at ${latency.rate}/s, p50`, latency.p50Ms, 'ms', 2);
  row(`end to end at ${latency.rate}/s, p99`, latency.p99Ms, 'ms', 2);
  row(`end to end at ${latency.rate}/s, p99.9`, latency.p999Ms, 'ms', 2);
  for (const { logBytes, readyMs } of recovery) row(`ready after kill -9, ${logBytes / 1e6} MB log`, readyMs, 'ms');
  for (const { victim, kills, withoutLeaderMs, wholeMs } of failover) {
    const of = ({ p50, p99, max }: Percentiles): string => `${p50} / ${p99} / ${max}`;
    const killed = `kill -9 of the ${victim}, ${kills} times, p50 / p99 / max`;
    rows.push({ name: `nothing acknowledged after ${killed}`, value: of(withoutLeaderMs), unit: 'ms' });
    rows.push({ name: `restart to all in sync after ${killed}`, value: of(wholeMs), unit: 'ms' });
  }
  row(`1 replica, ${replication.recordBytes} B`, replication.oneReplicaRecordsPerSecond, 'records/s');
  row(`3 replicas, ${replication.recordBytes} B`, replication.threeReplicasRecordsPerSecond, 'records/s');
  row('3 replicas / 1 replica', replication.share, 'ratio', 2);
  row(`3 replicas, acknowledged at ${replication.rate}/s, p50`, replication.ackP50Ms, 'ms', 2);
  row(`3 replicas, acknowledged at ${replication.rate}/s, p99`, replication.ackP99Ms, 'ms', 2);
  row('empty follower catches up', replication.catchUpMbPerSecond, 'MB/s', 1);
  row(`${many.partitions} partitions of 3 replicas: created`, many.createMs, 'ms');
  row(`${many.partitions} partitions: all replicas in sync`, many.inSyncMs, 'ms');
  row(`${many.partitions} partitions: idle processor time of three nodes`, many.idleCpuPercent, '% of one', 1);
  row(`${many.partitions} partitions: all led again after kill -9 of a node`, many.failoverMs, 'ms');
  return rows;
}

export function describeRun({ machine, commit, rounds }: BenchResults): string {
  return `Node ${machine.node}, ${machine.cpus} x ${machine.model}, commit ${commit}, ${rounds} rounds, load average ${machine.loadBefore.toFixed(1)} before`;
}

export function reportPage(results: BenchResults): string {
  return `# Benchmarks

Written by \`npm run bench\` with \`--report\` on one machine: ${describeRun(results)}. Make them again on yours.

One node and one partition; producer, node and consumer are processes of their own that share the cores. Every acknowledged
record was synced (\`acks=all\`, \`durability=fsync\`). Each figure is the median of its rounds with the range.

## Aims
${table(
  ['aim', 'wanted', 'median (range)', ''],
  goalRows(results).map(({ aim, wanted, figure, isReached }) => [
    aim,
    wanted,
    figure,
    isReached ? 'reached' : '**missed**',
  ]),
)}

## Figures
${table(
  ['figure', 'median (range)', 'unit'],
  figureRows(results).map(({ name, value, unit }) => [name, value, unit]),
)}

## What each process costs
Processor seconds (user and system) per million records, and the largest resident set, by the process that had it.

${table(
  ['run', 'process', 'CPU s / million records', 'peak memory, MB'],
  results.throughput.flatMap(({ recordBytes, costs }) =>
    costs.map(({ run, process, cpuSecondsPerMillion, peakMb }) => [
      `${sizeName(recordBytes)}: ${runTexts[run]}`,
      processTexts[process],
      formatSpread(cpuSecondsPerMillion, 2),
      formatSpread(peakMb),
    ]),
  ),
)}

## The yardstick
The **raw pipeline** moves the same bytes per record, in batches of the same size, with the same number of them
unacknowledged and the same sync policy (one fdatasync in flight, what arrived meanwhile shares the next), and has no protocol
and never looks at a byte: what the machine can do. It is three processes at the same time: a sender, a server that writes, syncs
and acknowledges, and a receiver that is sent what is durable, read back from the file.

- **whole / raw whole** compares like with like: produce and consume at the same time on one topic, from the first record handed
  over to the last one acknowledged and read, against the raw pipeline from its first byte sent to its last byte received.
- **produce alone** and **consume alone / raw whole** are what the aims speak of: each end against the raw pipeline. Each end
  has the machine to itself there while the raw pipeline runs three processes, so these two ratios flatter Millrace.
- **produce alone / raw to disk alone** and **consume alone / raw from disk alone** are the strict ones: each end against the
  half of the raw pipeline that does the same. From the page cache to a receiver that looks at nothing moves a few gigabytes a second;
  no consumer that decodes each record in JavaScript comes near that with records of 100 bytes, and this one does not.

They are measured in the same round, one after the other, so the ratios hold where absolute figures drift with the neighbours.

## Reading it
- Where the disk is the narrow place, because it is slow or because others write to it, raw pipeline and Millrace wait for the same
  thing: the ratios then come near 1 (beyond it for reading, which waits for no disk) and say little about Millrace. Processor
  seconds per million records say what it costs either way. Latencies contain the wait for a sync and for a free processor.
- The raw sender sends the same buffer again and again, and the raw receiver throws away what it reads.
- Processor time of a node counts the warm-up, that of senders and receivers does not.
- Memory at idle is the resident set of a node that has served one record and then nothing, HTTP listener included.
- "ready after kill -9" starts with the process and ends with its ready line; the log was written in one go and killed at once,
  so it is the worst case for what must be read again.
- The failover figures are of three nodes on this one machine with default settings, three replicas and \`acks=all\`: the
  longest pause between two acknowledgements of the partition that the killed node led. They say nothing of a node
  that loses its power or its network: that one is fenced after \`broker.session.timeout.ms\`.
- The figures of three replicas and of many partitions are of three nodes that share the cores of this one machine with the
  load: a record is written, checked and synced three times there. Three machines have three times the cores, and a network.
`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}
