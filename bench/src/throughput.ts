/**
 * Throughput beside the raw pipeline with the same bytes per record, in interleaved rounds: the whole pipeline (produce
 * and consume at the same time on one topic), then each end with the machine to itself.
 */
import { Admin } from 'millrace';
import { batchShape } from './batch-shape.js';
import { type MillraceNode, perf, startMillrace } from './millrace-node.js';
import { type PipelineLoad, type PipelineRun, runPipeline } from './pipeline-run.js';
import { measureRawPipeline } from './raw-pipeline.js';
import { type Spread, spread } from './statistics.js';

/** What ran. `raw` names are the raw pipeline, the others Millrace. */
export const runNames = ['whole', 'produce', 'consume', 'rawWhole', 'rawProduceHalf', 'rawConsumeHalf'] as const;
export type RunName = (typeof runNames)[number];
export const processNames = ['sender', 'middle', 'receiver'] as const;

export interface CostFigures {
  readonly run: RunName;
  readonly process: (typeof processNames)[number];
  readonly cpuSecondsPerMillion: Spread;
  readonly peakMb: Spread;
}

export interface ThroughputFigures {
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

export async function measureThroughput(
  recordBytes: number,
  records: number,
  roundCount: number,
): Promise<ThroughputFigures> {
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
