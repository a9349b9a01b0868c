/** The figures of a run as rows for people, and as the page docs/benchmarks.md. */
import type { LatencyFigures } from './latency.js';
import type { RecoveryFigures } from './recovery.js';
import type { StartUpFigures } from './start-up.js';
import { formatSpread, type Spread } from './statistics.js';
import type { ThroughputFigures } from './throughput.js';

export interface BenchResults {
  readonly machine: {
    readonly cpus: number;
    readonly model: string;
    readonly memoryBytes: number;
    readonly node: string;
  };
  readonly commit: string;
  readonly rounds: number;
  readonly startUp: StartUpFigures;
  readonly throughput: readonly ThroughputFigures[];
  readonly latency: LatencyFigures;
  readonly recovery: readonly RecoveryFigures[];
}

export interface FigureRow {
  readonly name: string;
  readonly value: string;
  readonly unit: string;
}

export function figureRows({ startUp, throughput, latency, recovery }: BenchResults): readonly FigureRow[] {
  const rows: FigureRow[] = [];
  const row = (name: string, figures: Spread, unit: string, digits = 0): void => {
    rows.push({ name, value: formatSpread(figures, digits), unit });
  };
  row('start to ready', startUp.readyMs, 'ms');
  row('start to first acknowledged record', startUp.firstAcknowledgedMs, 'ms');
  row('idle memory (resident)', startUp.idleRssMb, 'MB');
  for (const figures of throughput) {
    const size = figures.recordBytes === 1024 ? '1 KiB' : `${figures.recordBytes} B`;
    row(`produce ${size}, synced`, figures.produceRecordsPerSecond, 'records/s');
    row(`produce ${size}, synced`, figures.produceMbPerSecond, 'MB/s', 1);
    row(`produce ${size} / raw pipeline`, figures.produceToRaw, 'ratio', 2);
    row(`consume ${size}`, figures.consumeRecordsPerSecond, 'records/s');
    row(`consume ${size}`, figures.consumeMbPerSecond, 'MB/s', 1);
    row(`consume ${size} / raw pipeline`, figures.consumeToRaw, 'ratio', 2);
    row(`raw pipeline, to disk`, figures.rawProduceMbPerSecond, 'MB/s', 1);
    row(`raw pipeline, from disk`, figures.rawConsumeMbPerSecond, 'MB/s', 1);
  }
  row(`end to end at ${latency.rate}/s, p50`, latency.p50Ms, 'ms', 2);
  row(`end to end at ${latency.rate}/s, p99`, latency.p99Ms, 'ms', 2);
  row(`end to end at ${latency.rate}/s, p99.9`, latency.p999Ms, 'ms', 2);
  for (const { logBytes, readyMs } of recovery) row(`ready after kill -9, ${logBytes / 1e6} MB log`, readyMs, 'ms');
  return rows;
}

export function describeRun({ machine, commit, rounds }: BenchResults): string {
  return `Node ${machine.node}, ${machine.cpus} x ${machine.model}, commit ${commit}, ${rounds} rounds`;
}

export function reportPage(results: BenchResults): string {
  const rows = figureRows(results).map(({ name, value, unit }) => `| ${name} | ${value} | ${unit} |`);
  return `# Benchmarks

Written by \`npm run bench -- --report\` on one machine: ${describeRun(results)}. Make them again on yours.

One node and one partition; producer, node and consumer are processes of their own that share the cores. Every acknowledged
record was synced (\`acks=all\`, \`durability=fsync\`). Each figure is the median of its rounds with the range. The **raw pipeline**
moves the same number of bytes in the same batches from a socket to a file with the same sync policy, and from the file to
a socket, without a protocol and without looking at a byte: what the machine can do. It is measured in the same round, so
the ratio holds where absolute figures drift with the neighbours.

| figure | median (range) | unit |
|---|---:|---|
${rows.join('\n')}

## Reading it
- The raw pipeline sends the same buffer again and again and throws away what it reads. A consumer that decodes every record cannot
  come near its reading side with records of 100 bytes; that ratio is the honest weak spot.
- Memory is the resident set of a node that has served one record and then nothing, HTTP listener included.
- "ready after kill -9" starts with the process and ends with its ready line; the log was written in one go and killed at once,
  so it is the worst case for what must be read again.
`;
}
