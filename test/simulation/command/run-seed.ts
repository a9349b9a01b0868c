/** One seed as `--seeds` and `--minutes` run it: every twentieth twice, for a run must not depend on anything else. */
import { violation, type Violation } from '../checks/violation.js';
import { mutantOf, wrapOf } from '../mutants/mutants.js';
import { drawPlan } from '../plan/draw-plan.js';
import type { Plan } from '../plan/plan.js';
import { runPlan, type RunOptions, type RunResult } from '../run/run-plan.js';
import { seedReport, type SeedReport } from './seed-report.js';

export interface SeedOptions {
  readonly nodesMax: number;
  /** A planted bug. */
  readonly mutant: string | undefined;
}

const repeatedEvery = 20;

export async function runSeed(seed: number, options: SeedOptions): Promise<SeedReport> {
  const plan = drawPlan(seed, options);
  const runOptions = runOptionsOf(options.mutant);
  const result = await runPlan(plan, runOptions);
  if (seed % repeatedEvery !== 0) return seedReport(result, false);
  const again = await runPlan(plan, runOptions);
  if (again.traceHash === result.traceHash) return seedReport(result, true);
  return seedReport(result, true, [await divergence(plan, runOptions, [result, again])]);
}

export function runOptionsOf(mutant: string | undefined): RunOptions {
  return mutant === undefined ? {} : { wrap: wrapOf(mutantOf(mutant)) };
}

/** Runs it twice more, with every event kept, to find the first that differs. */
async function divergence(plan: Plan, options: RunOptions, runs: readonly RunResult[]): Promise<Violation> {
  const one = await runPlan(plan, { ...options, keepTrace: true });
  const other = await runPlan(plan, { ...options, keepTrace: true });
  const at = one.traceLines.findIndex((line, index) => line !== other.traceLines[index]);
  const near = (lines: readonly string[]): string[] => lines.slice(Math.max(0, at - 3), at + 2);
  const text = `two runs of seed ${plan.seed} differ: ${runs.map(({ traceHash }) => traceHash).join(' and ')}`;
  const evidence = at < 0 ? ['not reproduced'] : ['one:', ...near(one.traceLines), 'other:', ...near(other.traceLines)];
  return violation('replay', text, evidence);
}
