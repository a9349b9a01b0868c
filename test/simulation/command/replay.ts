/** One run where a person can watch: the time-line, what was broken, and a smaller plan that breaks it too. */
import type { Plan } from '../plan/plan.js';
import { timeLineText } from '../report/time-line.js';
import { runPlan, type RunOptions, type RunResult } from '../run/run-plan.js';
import type { Run } from './run-seed.js';
import { shrinkPlan } from '../shrink/shrink-plan.js';
import type { Violation } from '../checks/violation.js';

export interface ReplayOptions {
  readonly run: RunOptions;
  readonly print: (line: string) => void;
  /** Virtual time after which nothing is printed. */
  readonly untilMs: number;
  readonly isVerbose: boolean;
  /** Whether every event of the network, the disks and the timers is printed. */
  readonly isTraced: boolean;
}

export async function replay(run: Run, options: ReplayOptions): Promise<RunResult> {
  const { print, untilMs, isVerbose, isTraced } = options;
  const result = await run({ ...options.run, keepTimeLine: true, keepTrace: isTraced });
  if (isTraced) {
    for (const line of result.traceLines) if (Number.parseInt(line, 10) <= untilMs * 1000) print(line);
  }
  for (const entry of result.timeLine) {
    if (entry.timeMs <= untilMs && (isVerbose || !entry.isDetail)) print(timeLineText(entry));
  }
  for (const found of result.violations) for (const line of violationLines(found)) print(line);
  print(`${result.events} events, ${result.sends} records sent, ${result.reads} read, trace hash ${result.traceHash}`);
  return result;
}

export function violationLines({ invariant, text, evidence }: Violation): string[] {
  return [`${invariant}: ${text}`, ...evidence.map((line) => `    ${line}`)];
}

/** The smallest plan found within the time that breaks the same promise. */
export async function shrink(plan: Plan, invariant: string, run: RunOptions, forMs: number): Promise<Plan> {
  const first = (await runPlan(plan, run)).violations.find((found) => found.invariant === invariant);
  if (first === undefined) return plan;
  const untilMs = performance.now() + forMs;
  return shrinkPlan(plan, {
    isBroken: async (candidate) => {
      const { violations } = await runPlan(candidate, run);
      return violations.some((found) => found.invariant === invariant && shapeOf(found) === shapeOf(first));
    },
    isOutOfTime: () => performance.now() > untilMs,
  });
}

/** Of what kind it is: a plan made smaller may break the same promise in another way, which explains nothing. */
function shapeOf({ text }: Violation): string {
  return text.replaceAll(/[\w-]*\d[\w.-]*/g, '#').slice(0, 60);
}

export function planLines({ config, operations, faults }: Plan): string[] {
  const { topics, producers, consumers, nodeSettings, ...rest } = config;
  return [
    `config: ${JSON.stringify(rest)}`,
    `node settings: ${JSON.stringify(nodeSettings)}`,
    ...topics.map((topic) => `topic: ${JSON.stringify(topic)}`),
    ...producers.map((producer) => `producer: ${JSON.stringify(producer)}`),
    ...consumers.map((consumer) => `consumer: ${JSON.stringify(consumer)}`),
    ...operations.map((operation) => `operation: ${JSON.stringify(operation)}`),
    ...faults.map((fault) => `fault: ${JSON.stringify(fault)}`),
  ];
}
