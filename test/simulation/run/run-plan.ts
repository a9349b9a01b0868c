/** Runs a plan and says what was wrong. */
import { errorMessage, type Environment } from '@millrace/base';
import { Simulation } from '@millrace/testkit';
import { checkHistory } from '../checks/check-history.js';
import { violation, type Violation } from '../checks/violation.js';
import type { Plan } from '../plan/plan.js';
import { markHistory } from '../report/mark-history.js';
import { Marks } from '../report/marks.js';
import { TimeLine, type TimeLineEntry } from '../report/time-line.js';
import { History } from '../workload/history.js';
import { Phases } from './phases.js';
import type { Script } from './script.js';

export interface RunOptions {
  /** Puts a planted bug between a node and its environment. */
  readonly wrap?: (environment: Environment, node: string) => Environment;
  /** Instead of the plan's safety phase. */
  readonly script?: Script;
  readonly keepTimeLine?: boolean;
  /** Keeps a line for every event of the simulation, to find where two runs part. */
  readonly keepTrace?: boolean;
}

export interface RunResult {
  readonly plan: Plan;
  readonly violations: readonly Violation[];
  readonly traceHash: string;
  readonly traceLines: readonly string[];
  readonly timeLine: readonly TimeLineEntry[];
  readonly marks: readonly (readonly [string, number])[];
  readonly events: number;
  readonly virtualMs: number;
  readonly sends: number;
  readonly reads: number;
  readonly faults: readonly (readonly [string, number])[];
  readonly history: History;
}

export async function runPlan(plan: Plan, options: RunOptions = {}): Promise<RunResult> {
  const { link, disk } = plan.config;
  const simulation = new Simulation({
    seed: plan.seed,
    link: { delayMinMs: link.minMs, delayMaxMs: link.maxMs },
    recordDisks: false,
    keepTraceLines: options.keepTrace ?? false,
    // Nodes tell the time-line what they log.
    isObserved: false,
    eventsMax: 3_000_000,
  });
  const marks = new Marks();
  const history = new History();
  const timeLine = new TimeLine(() => simulation.nowMs, options.keepTimeLine ?? false);
  const { wrap, script } = options;
  const phases = new Phases({ simulation, plan, marks, history, timeLine, diskLatency: disk, wrap, script });
  const violations: Violation[] = [];
  try {
    await phases.run();
  } catch (error) {
    violations.push(violation(invariantOf(error), errorMessage(error), stackOf(error)));
  }
  violations.push(...phases.violations, ...checkHistory(history, plan));
  markHistory(history, marks);
  return {
    plan,
    violations,
    traceHash: simulation.traceHash(),
    traceLines: simulation.traceLines,
    timeLine: timeLine.entries,
    marks: marks.entries(),
    events: simulation.eventsRun,
    virtualMs: simulation.nowMs,
    sends: history.sends.length,
    reads: history.reads.length,
    faults: phases.faultCounts,
    history,
  };
}

/** Something that threw, or rejected with nobody there, is H2; something that did not come to its end is H1. */
function invariantOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'SIMULATION_STUCK' || code === 'NOT_CONVERGED' ? 'H1' : 'H2';
}

function stackOf(error: unknown): string[] {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (!(cause instanceof Error)) return [];
  return (cause.stack ?? '').split('\n').slice(0, 10);
}
