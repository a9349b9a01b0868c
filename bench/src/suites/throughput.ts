/**
 * Throughput beside the raw pipeline with the same bytes per record, in interleaved rounds: the whole pipeline (produce
 * and consume at the same time on one topic), then each end with the machine to itself.
 */
import { Admin } from 'millrace';
import { batchShape } from '../raw/batch-shape.js';
import { type MillraceNode, perf, startMillrace } from '../nodes/millrace-node.js';
import { type PipelineLoad, type PipelineRun, runPipeline } from '../raw/pipeline-run.js';
import { measureRawPipeline } from '../raw/raw-pipeline.js';
import { atLeast, type Goal } from '../report/goal.js';
import { sizeName } from '../report/size-name.js';
import { formatSpread, type Spread, spread } from '../report/statistics.js';
import { defineSuite, type Ratio, type Scale, type SectionTable } from '../suite.js';

/** What ran. `raw` names are the raw pipeline, the others Millrace. */
const runNames = ['whole', 'produce', 'consume', 'rawWhole', 'rawProduceHalf', 'rawConsumeHalf'] as const;
type RunName = (typeof runNames)[number];
const processNames = ['sender', 'middle', 'receiver'] as const;

interface CostFigures {
  readonly run: RunName;
  readonly process: (typeof processNames)[number];
  readonly cpuSecondsPerMillion: Spread;
  readonly peakMb: Spread;
}

interface ThroughputFigures {
  readonly recordBytes: number;
  readonly recordsPerSecond: Readonly<Record<RunName, Spread>>;
  readonly ratios: {
    readonly wholeToRawWhole: Spread;
    readonly produceToRawWhole: Spread;
    readonly consumeToRawWhole: Spread;
    readonly wholeToSlowerAlone: Spread;
    readonly produceToRawHalf: Spread;
    readonly consumeToRawHalf: Spread;
  };
  readonly costs: readonly CostFigures[];
}

type Round = Readonly<Record<RunName, PipelineRun>>;

const topic = 'throughput';

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

/** Each run takes seconds: what ends sooner tells how fast a process compiles its code and a disk fills its cache. */
async function measure({ rounds, pick }: Scale): Promise<ThroughputFigures[]> {
  return [
    await measureThroughput(100, pick(15_000_000, 40_000_000), rounds),
    await measureThroughput(1024, pick(1_500_000, 4_000_000), rounds),
  ];
}

async function measureThroughput(recordBytes: number, records: number, roundCount: number): Promise<ThroughputFigures> {
  const shape = batchShape(recordBytes);
  const load = { records, warmupRecords: Math.round(records / 5) };
  const rounds: Round[] = [];
  for (let index = 0; index < roundCount; index += 1) {
    const raw = await measureRawPipeline(shape, load);
    const whole = await measureWhole(recordBytes, load);
    rounds.push({
      rawWhole: raw.whole,
      rawProduceHalf: raw.produceHalf,
      rawConsumeHalf: raw.consumeHalf,
      whole,
      ...(await measureAlone(recordBytes, load)),
    });
  }
  return figuresOf(recordBytes, rounds);
}

async function measureWhole(recordBytes: number, load: PipelineLoad): Promise<PipelineRun> {
  await using node = await startMillrace();
  const { send, receive } = await endsOf(node, recordBytes, load);
  return await runPipeline(load, () => node.usage(), { send, receive });
}

async function measureAlone(recordBytes: number, load: PipelineLoad): Promise<Pick<Round, 'produce' | 'consume'>> {
  await using node = await startMillrace();
  const { send, receive } = await endsOf(node, recordBytes, load);
  const produce = await runPipeline(load, () => node.usage(), { send });
  const consume = await runPipeline(load, () => node.usage(), { receive });
  return { produce, consume };
}

async function endsOf(node: MillraceNode, recordBytes: number, { records, warmupRecords }: PipelineLoad) {
  await using admin = new Admin({ bootstrap: node.bootstrap });
  await admin.createTopic({ name: topic, partitions: 1 });
  const common = { topic, records, 'warmup-records': warmupRecords };
  return {
    send: () => perf('produce', node.bootstrap, { ...common, 'record-bytes': recordBytes }),
    receive: () => perf('consume', node.bootstrap, common),
  };
}

function figuresOf(recordBytes: number, rounds: readonly Round[]): ThroughputFigures {
  const speeds = (name: RunName): readonly number[] => rounds.map((round) => round[name].recordsPerSecond);
  const ratio = (of: readonly number[], to: readonly number[]): Spread =>
    spread(of.map((value, index) => value / (to[index] ?? NaN)));
  const slowerAlone = rounds.map(({ produce, consume }) =>
    Math.min(produce.recordsPerSecond, consume.recordsPerSecond),
  );
  return {
    recordBytes,
    recordsPerSecond: {
      whole: spread(speeds('whole')),
      produce: spread(speeds('produce')),
      consume: spread(speeds('consume')),
      rawWhole: spread(speeds('rawWhole')),
      rawProduceHalf: spread(speeds('rawProduceHalf')),
      rawConsumeHalf: spread(speeds('rawConsumeHalf')),
    },
    ratios: {
      wholeToRawWhole: ratio(speeds('whole'), speeds('rawWhole')),
      produceToRawWhole: ratio(speeds('produce'), speeds('rawWhole')),
      consumeToRawWhole: ratio(speeds('consume'), speeds('rawWhole')),
      wholeToSlowerAlone: ratio(speeds('whole'), slowerAlone),
      produceToRawHalf: ratio(speeds('produce'), speeds('rawProduceHalf')),
      consumeToRawHalf: ratio(speeds('consume'), speeds('rawConsumeHalf')),
    },
    costs: runNames.flatMap((run) => costsOf(run, rounds)),
  };
}

function costsOf(run: RunName, rounds: readonly Round[]): CostFigures[] {
  return processNames.flatMap((process) => {
    const costs = rounds.map((round) => round[run][process]).filter((cost) => cost !== undefined);
    if (costs.length === 0) return [];
    return {
      run,
      process,
      cpuSecondsPerMillion: spread(costs.map((cost) => cost.cpuSecondsPerMillion)),
      peakMb: spread(costs.map(({ peakMb }) => peakMb)),
    };
  });
}

function goalsOf({ recordBytes, ratios }: ThroughputFigures): Goal[] {
  const size = sizeName(recordBytes);
  return [
    atLeast(`${size}: whole pipeline / raw pipeline`, ratios.wholeToRawWhole, 0.5),
    atLeast(`${size}: produce / raw pipeline`, ratios.produceToRawWhole, 0.6),
    atLeast(`${size}: consume / raw pipeline`, ratios.consumeToRawWhole, 0.6),
    atLeast(`${size}: both at once / slower alone`, ratios.wholeToSlowerAlone, 0.8),
  ];
}

function ratiosOf({ recordBytes, ratios }: ThroughputFigures): Ratio[] {
  const size = sizeName(recordBytes);
  const better = 'higher';
  return [
    { name: `${size}: whole / raw whole`, value: ratios.wholeToRawWhole, better },
    { name: `${size}: produce alone / raw whole`, value: ratios.produceToRawWhole, better },
    { name: `${size}: consume alone / raw whole`, value: ratios.consumeToRawWhole, better },
    { name: `${size}: whole / slower end alone`, value: ratios.wholeToSlowerAlone, better },
    { name: `${size}: produce alone / raw to disk alone`, value: ratios.produceToRawHalf, better },
    { name: `${size}: consume alone / raw from disk alone`, value: ratios.consumeToRawHalf, better },
  ];
}

function costTable(figures: readonly ThroughputFigures[]): SectionTable {
  return {
    title: 'What each process costs: processor seconds (user and system), and the largest resident set',
    head: ['run', 'process', 'CPU s / million records', 'peak memory, MB'],
    rows: figures.flatMap(({ recordBytes, costs }) =>
      costs.map(({ run, process, cpuSecondsPerMillion, peakMb }) => [
        `${sizeName(recordBytes)}: ${runTexts[run]}`,
        processTexts[process],
        formatSpread(cpuSecondsPerMillion, 2),
        formatSpread(peakMb),
      ]),
    ),
  };
}

export const throughput = defineSuite<ThroughputFigures[]>({
  name: 'throughput',
  title: 'Throughput',
  measure,
  present: (figures) => ({
    figures: figures.flatMap((of) => [
      ...runNames.map((run) => ({
        name: `${sizeName(of.recordBytes)}: ${runTexts[run]}`,
        value: of.recordsPerSecond[run],
        unit: 'records/s',
      })),
      ...ratiosOf(of).map(({ name, value }) => ({ name, value, unit: 'ratio', digits: 2 })),
    ]),
    goals: figures.flatMap(goalsOf),
    ratios: figures.flatMap(ratiosOf),
    tables: [costTable(figures)],
    notes,
  }),
});

const notes = `One node and one partition; producer, node and consumer are processes of their own that share the cores.

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
Where the disk is the narrow place, because it is slow or because others write to it, raw pipeline and Millrace wait for the same
thing: the ratios then come near 1 (beyond it for reading, which waits for no disk) and say little about Millrace. Processor
seconds per million records say what it costs either way. The raw sender sends the same buffer again and again, and the raw
receiver throws away what it reads. Processor time of a node counts the warm-up, that of senders and receivers does not.`;
