/** One run of `millrace perf`: opens the topic, runs the loads, prints their figures and writes the report. */
import { openAdmin } from '../connect.js';
import type { CommandContext } from '../program.js';
import { liveLines } from './live-lines.js';
import { loadResult } from './load-result.js';
import { type LoadSpec, loadSpec, parseSpec } from './load-spec.js';
import { openLoadTopic, reportedTopic, type WantedTopic } from './load-topic.js';
import { nodeUsage, sourceCommit, thisMachine } from './machine.js';
import type { PerfOptions } from './perf-options.js';
import { printReport, printReportJson } from './print-loads.js';
import { loadName, type PerfReport, type WatchedNode, writeReport } from './report.js';
import { runLoads } from './run-loads.js';

export interface PerfRun {
  readonly kind: string;
  readonly topic: WantedTopic;
  readonly loads: readonly LoadSpec[];
  readonly options: PerfOptions;
  readonly context: CommandContext;
}

/** From the flags of a command; what they leave out has the defaults of a workload file. */
export function specOfFlags(flags: object): LoadSpec {
  const given = Object.entries(flags).filter(([, value]) => value !== undefined);
  return parseSpec(loadSpec, Object.fromEntries(given), 'The options of this load');
}

export async function runPerf({ kind, topic: wanted, loads: specs, options, context }: PerfRun): Promise<void> {
  const pids = (options.watchPid ?? []).map(Number);
  await using admin = await openAdmin(options);
  await using topic = await openLoadTopic(admin, wanted);
  let before = pids.map(nodeUsage);
  const outcomes = await runLoads({
    specs,
    target: { bootstrap: options.bootstrap, topic: topic.name },
    abort: context.signal,
    onStart: (progress) => {
      before = pids.map(nodeUsage);
      return options.json ? () => undefined : liveLines(progress);
    },
  });
  const after = pids.map(nodeUsage);
  const loads = outcomes.map((outcome, index) => ({
    name: loadName(outcome.spec, index),
    settings: outcome.spec,
    result: loadResult(outcome),
  }));
  // What went through the nodes: what was written, or, when nothing was, what was read.
  const writers = loads.filter(({ settings }) => settings.kind !== 'consume');
  const records = (writers.length > 0 ? writers : loads).reduce((sum, { result }) => sum + result.records, 0);
  const report: PerfReport = {
    kind,
    at: new Date().toISOString(),
    version: context.version,
    commit: sourceCommit(),
    machine: thisMachine(),
    topic: await reportedTopic(admin, topic.name),
    loads,
    nodes: after.map(({ pid, cpuSeconds, peakRssBytes }, index): WatchedNode => {
      const used = cpuSeconds - (before[index]?.cpuSeconds ?? 0);
      const perMillion = records === 0 ? null : (used / records) * 1e6;
      return { pid, cpuSeconds: used, cpuSecondsPerMillionRecords: perMillion, peakRssBytes };
    }),
  };
  if (options.report !== undefined) writeReport(options.report, report);
  if (options.json) printReportJson(report);
  else printReport(report);
}
