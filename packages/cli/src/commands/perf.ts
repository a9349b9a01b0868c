/** `millrace perf`: the load generator. Each load runs on a topic of its own unless one is named. */
import type { Command } from 'commander';
import { printJson, printLine, printTable } from '../output/print.js';
import { integer, UsageError } from '../options.js';
import {
  type ConsumeOptions,
  type PerfOptions,
  type ProduceOptions,
  withConsumeOptions,
  withPerfOptions,
  withProduceOptions,
  withWriteOptions,
  type WriteOptions,
} from '../perf/perf-options.js';
import type { CommandContext } from '../program.js';

export function addPerfCommands(program: Command, context: CommandContext): void {
  const perf = program.command('perf').description('measure throughput and latency');

  withProduceOptions(perf.command('produce').description('write records; how fast are they acknowledged?')).action(
    async (options: ProduceOptions) => {
      const { runPerf, specOfFlags } = await import('../perf/run-perf.js');
      const load = specOfFlags({
        kind: 'produce',
        processes: options.producers,
        records: options.records,
        seconds: options.seconds,
        keys: options.keys,
        skew: options.skew,
        transactionRecords: options.transactionRecords,
        ...writeFlags(options),
      });
      await runPerf({ kind: 'produce', topic: topicOf(options), loads: [load], options, context });
    },
  );

  withConsumeOptions(perf.command('consume').description('read records of a topic')).action(
    async (options: ConsumeOptions) => {
      const { runPerf, specOfFlags } = await import('../perf/run-perf.js');
      const { consumers, records, group, from, isolation, pauseMsPerBatch, warmupRecords } = options;
      const isShared = group !== undefined && consumers > 1;
      const load = specOfFlags({
        kind: 'consume',
        processes: consumers,
        // How a group shares its partitions cannot be known: its readers end when nothing comes any more.
        records: isShared ? undefined : records,
        ...{ group, from, isolation, pauseMsPerBatch, warmupRecords },
      });
      const topic = { name: options.topic, partitions: 1, configs: {}, mustExist: true };
      await runPerf({ kind: 'consume', topic, loads: [load], options, context });
    },
  );

  withWriteOptions(perf.command('latency').description('from due to consumed, at a fixed rate'), {
    records: 10_000,
    rate: 1000,
  }).action(async (options: WriteOptions) => {
    if (options.rate === 0) throw new UsageError('perf latency needs a rate: --rate 1 or more');
    const { runPerf, specOfFlags } = await import('../perf/run-perf.js');
    const load = specOfFlags({ kind: 'latency', records: options.records, ...writeFlags(options) });
    await runPerf({ kind: 'latency', topic: topicOf(options), loads: [load], options, context });
  });

  withPerfOptions(perf.command('run <workload>').description('loads beside each other, as a workload file says'))
    .option('--topic <name>', 'topic to use; created when absent (default: a new one, deleted afterwards)')
    .option('--replication-factor <n>', 'instead of what the file says', integer(1, 100))
    .action(async (file: string, options: PerfOptions & { readonly replicationFactor?: number }) => {
      const { runPerf } = await import('../perf/run-perf.js');
      const { readWorkload } = await import('../perf/workload.js');
      const { topic, loads } = readWorkload(file);
      const replicationFactor = options.replicationFactor ?? topic.replicationFactor;
      await runPerf({
        kind: 'run',
        topic: { ...topic, name: options.topic, replicationFactor },
        loads,
        options,
        context,
      });
    });

  perf
    .command('compare <before> <after>')
    .description('two reports side by side')
    .option('--json', 'print JSON for programs', false)
    .action(async (before: string, after: string, options: { readonly json: boolean }) => {
      const { compareReports } = await import('../perf/compare-reports.js');
      const { readReport } = await import('../perf/report.js');
      const comparison = compareReports(readReport(before), readReport(after));
      if (options.json) {
        printJson(comparison);
        return;
      }
      for (const caution of comparison.cautions) printLine(caution);
      if (comparison.cautions.length > 0) printLine('');
      printTable(
        ['LOAD', 'FIGURE', 'BEFORE', 'AFTER', 'CHANGE'],
        comparison.figures.map(({ load, figure, before: one, after: other, changePercent }) => [
          load,
          figure,
          one,
          other,
          changePercent === null ? '-' : `${changePercent >= 0 ? '+' : ''}${changePercent.toFixed(1)} %`,
        ]),
      );
    });

  perf.command('worker', { hidden: true }).action(async () => {
    const { loadWorker } = await import('../perf/load-worker.js');
    await loadWorker(context.signal);
  });
}

function topicOf({ topic, partitions, replicationFactor, config }: WriteOptions) {
  return { name: topic, partitions, replicationFactor, configs: config ?? {} };
}

function writeFlags({
  rate,
  recordBytes,
  payload,
  acks,
  compression,
  batchBytes,
  lingerMs,
  warmupRecords,
}: WriteOptions) {
  return { rate, recordBytes, payload, acks, compression, batchBytes, lingerMs, warmupRecords };
}
