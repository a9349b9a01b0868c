/** One seed as `--seeds` and `--minutes` run it: every twentieth twice, for a run must not depend on anything else. */
import { scenarioOf } from '../../scenarios/scenarios.js';
import { runScenario } from '../../scenarios/run-scenario.js';
import { violation, type Violation } from '../checks/violation.js';
import { mutantOf, wrapOf } from '../mutants/mutants.js';
import { drawPlan } from '../plan/draw-plan.js';
import { runPlan, type RunOptions, type RunResult } from '../run/run-plan.js';
import { seedReport, type SeedReport } from './seed-report.js';

export interface SeedOptions {
  readonly nodesMax: number;
  /** A planted bug. */
  readonly mutant: string | undefined;
  /** Undefined: the seed draws its plan. */
  readonly scenario?: string | undefined;
}

const repeatedEvery = 20;

export async function runSeed(seed: number, options: SeedOptions): Promise<SeedReport> {
  const runOptions = runOptionsOf(options.mutant);
  const run = runOf(seed, options);
  const result = await run(runOptions);
  if (seed % repeatedEvery !== 0) return seedReport(result, false);
  const again = await run(runOptions);
  if (again.traceHash === result.traceHash) return seedReport(result, true);
  return seedReport(result, true, [await divergence(run, runOptions, [result, again])]);
}

export type Run = (options: RunOptions) => Promise<RunResult>;

/** What a seed means: a scenario with its chances, or a plan that is drawn. */
export function runOf(seed: number, { scenario, nodesMax }: Pick<SeedOptions, 'scenario' | 'nodesMax'>): Run {
  if (scenario !== undefined) {
    const text = scenarioOf(scenario);
    return (options) => runScenario(text, seed, options);
  }
  const plan = drawPlan(seed, { nodesMax });
  return (options) => runPlan(plan, options);
}

export function runOptionsOf(mutant: string | undefined): RunOptions {
  return mutant === undefined ? {} : { wrap: wrapOf(mutantOf(mutant)) };
}

/** Runs it twice more, with every event kept, to find the first that differs. */
async function divergence(run: Run, options: RunOptions, runs: readonly RunResult[]): Promise<Violation> {
  const one = await run({ ...options, keepTrace: true });
  const other = await run({ ...options, keepTrace: true });
  const at = one.traceLines.findIndex((line, index) => line !== other.traceLines[index]);
  const near = (lines: readonly string[]): string[] => lines.slice(Math.max(0, at - 3), at + 2);
  const text = `two runs of seed ${one.plan.seed} differ: ${runs.map(({ traceHash }) => traceHash).join(' and ')}`;
  const evidence = at < 0 ? ['not reproduced'] : ['one:', ...near(one.traceLines), 'other:', ...near(other.traceLines)];
  return violation('replay', text, evidence);
}
