/** `millrace perf`: the load generator. Each load runs on a topic of its own unless one is named. */
import type { Command } from 'commander';
import { openAdmin } from '../connect.js';
import { UsageError } from '../options.js';
import { type LoadOptions, withLoadOptions } from '../perf/load-options.js';
import type { LoadMeasure } from '../perf/report.js';
import type { CommandContext } from '../program.js';

type Load = (topic: string, options: LoadOptions, signal: AbortSignal) => Promise<LoadMeasure>;

export function addPerfCommands(program: Command, context: CommandContext): void {
  const perf = program.command('perf').description('measure throughput and latency');

  withLoadOptions(perf.command('produce').description('write records; how fast are they acknowledged?'), {
    records: 1_000_000,
    rate: 0,
  }).action(async (options: LoadOptions) => {
    const { produceLoad } = await import('../perf/produce-load.js');
    await runLoad({ kind: 'produce', load: produceLoad, options, context });
  });

  withLoadOptions(perf.command('consume').description('read records from the beginning of a topic'), {
    records: 1_000_000,
    rate: 0,
  }).action(async (options: LoadOptions) => {
    if (options.topic === undefined) throw new UsageError('perf consume reads an existing topic: name it with --topic');
    const { consumeLoad } = await import('../perf/consume-load.js');
    await runLoad({ kind: 'consume', load: consumeLoad, options, context });
  });

  withLoadOptions(perf.command('latency').description('from due to consumed, at a fixed rate'), {
    records: 10_000,
    rate: 1000,
  }).action(async (options: LoadOptions) => {
    if (options.rate === 0) throw new UsageError('perf latency needs a rate: --rate 1 or more');
    const { latencyLoad } = await import('../perf/latency-load.js');
    await runLoad({ kind: 'latency', load: latencyLoad, options, context });
  });
}

interface LoadRun {
  readonly kind: string;
  readonly load: Load;
  readonly options: LoadOptions;
  readonly context: CommandContext;
}

async function runLoad({ kind, load, options, context }: LoadRun): Promise<void> {
  const { openLoadTopic } = await import('../perf/load-topic.js');
  const { loadResult, printLoad } = await import('../perf/report.js');
  await using admin = await openAdmin(options);
  await using topic = await openLoadTopic(admin, options);
  const measure = await load(topic.name, options, context.signal);
  printLoad(kind, loadResult(measure), options, options);
}
