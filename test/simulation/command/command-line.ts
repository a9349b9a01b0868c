/** `npm run sim`: what a person can ask of the simulator. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { loadCompression } from '@millrace/record';
import { Command } from 'commander';
import { scenarioOf, scenarios } from '../../scenarios/scenarios.js';
import { drawPlan } from '../plan/draw-plan.js';
import type { Plan } from '../plan/plan.js';
import type { SourcePatch } from '../mutants/mutant.js';
import { runPlan } from '../run/run-plan.js';
import { huntMutants } from './hunt-mutants.js';
import { planLines, replay, shrink, violationLines } from './replay.js';
import { runOf, runOptionsOf, type Run } from './run-seed.js';
import { runSeeds } from './seed-pool.js';
import { Totals } from './totals.js';

/** What `tools/sim.mjs` gives. */
export interface Shell {
  readonly root: string;
  readonly tree: string;
  readonly buildTree: (patches: readonly SourcePatch[]) => string;
}

interface Options {
  readonly seed?: number;
  readonly seeds?: string;
  readonly minutes?: number;
  readonly from?: number;
  readonly plan?: string;
  readonly scenario?: string;
  readonly nodesMax: number;
  readonly jobs: number;
  readonly mutant?: string;
  readonly mutants: boolean;
  readonly budget: number;
  readonly until: number;
  readonly verbose: boolean;
  readonly trace: boolean;
  readonly shrinkSeconds: number;
  readonly brokenMax: number;
  readonly report?: string;
}

const progressMs = 10_000;

/** Resolves to the exit code: 0 when every promise was kept. */
export async function main(args: readonly string[], shell: Shell): Promise<number> {
  const options = parse(args);
  await loadCompression('zstd');
  if (options.mutants) return huntMutants({ ...options, shell, print });
  if (options.plan !== undefined) {
    return showPlan(JSON.parse(readFileSync(options.plan, 'utf8')) as Plan, options, shell);
  }
  if (options.seed !== undefined && options.scenario === undefined) {
    return showPlan(drawPlan(options.seed, options), options, shell);
  }
  if (options.seed !== undefined) return (await show(runOf(options.seed, options), options)) === undefined ? 0 : 1;
  if (options.scenario === 'all') return runScenarios(options, shell);
  return runMany(options, shell);
}

function parse(args: readonly string[]): Options {
  return new Command('npm run sim --')
    .description('runs whole clusters, with their clients and their faults, from seeds')
    .option('--seed <n>', 'run one seed and show its time-line', Number)
    .option('--scenario <id>', 'with --seed or --seeds: a schedule of `test/scenarios`, such as S7, or all of them')
    .option('--plan <file>', 'run a plan that was written down, and show its time-line')
    .option('--seeds <from..to>', 'run these seeds on all cores')
    .option('--minutes <n>', 'run seeds for so long on all cores', Number)
    .option('--from <n>', 'with --minutes: the first seed (by the clock when absent)', Number)
    .option('--nodes-max <n>', 'largest cluster', Number, 5)
    .option('--jobs <n>', 'processes', Number, availableParallelism())
    .option('--until <ms>', 'show the time-line up to this virtual time', Number, Infinity)
    .option('--verbose', 'show reads and debug lines too', false)
    .option('--trace', 'show every event of the network, the disks and the timers', false)
    .option('--mutant <id>', 'with a planted bug')
    .option('--mutants', 'look for every planted bug', false)
    .option('--budget <n>', 'seeds in which a planted bug must be found (its own budget when absent)', Number, 0)
    .option('--broken-max <n>', 'with many seeds: end after so many that are broken', Number, 20)
    .option('--report <file>', 'with many seeds: write what they came to into this file, as JSON')
    .option('--shrink-seconds <n>', 'real time for making a broken plan smaller', Number, 60)
    .parse(args, { from: 'user' })
    .opts<Options>();
}

async function showPlan(plan: Plan, options: Options, shell: Shell): Promise<number> {
  const invariant = await show((run) => runPlan(plan, run), options);
  if (invariant === undefined) return 0;
  await showSmallest(plan, invariant, options, shell);
  return 1;
}

/** The first invariant that was broken. */
async function show(run: Run, options: Options): Promise<string | undefined> {
  const { until: untilMs, verbose: isVerbose, trace: isTraced } = options;
  const { violations } = await replay(run, { run: runOptionsOf(options.mutant), print, untilMs, isVerbose, isTraced });
  return violations[0]?.invariant;
}

/** Each scenario with the same seeds; a line for each. */
async function runScenarios(options: Options, shell: Shell): Promise<number> {
  let broken = 0;
  for (const { id } of scenarios()) broken += await runMany({ ...options, scenario: id }, shell);
  return broken === 0 ? 0 : 1;
}

async function runMany(options: Options, shell: Shell): Promise<number> {
  const { nodesMax, jobs, mutant, scenario } = options;
  const range = /^(\d+)\.\.(\d+)$/.exec(options.seeds ?? '');
  const first = range === null ? (options.from ?? Math.floor(Date.now() / 1000) * 1000) : Number(range[1]);
  const last = range === null ? Infinity : Number(range[2]);
  const startedMs = performance.now();
  const untilMs = range === null ? startedMs + (options.minutes ?? 1) * 60_000 : Infinity;
  const title = scenario === undefined ? '' : `${scenario}: ${scenarioOf(scenario).title}\n`;
  print(
    `${title}seeds from ${first}${last === Infinity ? '' : ` to ${last}`}, clusters of up to ${nodesMax}, ${commitOf(shell.root)}`,
  );
  const totals = new Totals();
  const broken: { seed: number; invariant: string }[] = [];
  let next = first;
  let toldMs = startedMs;
  await runSeeds({
    tree: shell.tree,
    jobs,
    nodesMax,
    mutant,
    scenario,
    next: () => (next > last || performance.now() > untilMs || broken.length >= options.brokenMax ? undefined : next++),
    onReport: (report) => {
      totals.add(report);
      const nowMs = performance.now();
      if (nowMs - toldMs >= progressMs) {
        toldMs = nowMs;
        print(totals.progress(nowMs - startedMs));
      }
      const [worst] = report.violations;
      if (worst === undefined) return;
      broken.push({ seed: report.seed, invariant: worst.invariant });
      print(`\nSeed ${report.seed} breaks ${worst.invariant} at ${commitOf(shell.root)}`);
      for (const found of report.violations) for (const line of violationLines(found)) print(`  ${line}`);
      const which = scenario === undefined ? `--nodes-max ${nodesMax}` : `--scenario ${scenario}`;
      print(`  replay: npm run sim -- --seed ${report.seed} ${which}`);
    },
  });
  print('');
  const realMs = performance.now() - startedMs;
  print(totals.text(realMs));
  if (options.report !== undefined) {
    const what = { command: `npm run sim -- ${process.argv.slice(2).join(' ')}`, source: commitOf(shell.root), jobs };
    writeFileSync(options.report, `${JSON.stringify({ ...what, ...totals.json(realMs) }, undefined, 2)}\n`);
    print(`written to ${options.report}`);
  }
  const [worst] = broken;
  if (worst === undefined) return 0;
  if (scenario !== undefined) return 1;
  await showSmallest(drawPlan(worst.seed, options), worst.invariant, options, shell);
  return 1;
}

/** Makes the plan smaller, prints it and writes it down. */
async function showSmallest(plan: Plan, invariant: string, options: Options, shell: Shell): Promise<void> {
  if (options.shrinkSeconds <= 0 || invariant === 'replay') return;
  print(`\nMaking seed ${plan.seed} smaller, for at most ${options.shrinkSeconds} s ...`);
  const smallest = await shrink(plan, invariant, runOptionsOf(options.mutant), options.shrinkSeconds * 1000);
  const directory = join(shell.root, 'node_modules/.cache/millrace/simulator-plans');
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `seed-${plan.seed}-${invariant}.json`);
  writeFileSync(file, `${JSON.stringify(smallest, undefined, 2)}\n`);
  for (const line of planLines(smallest)) print(line);
  print(`It breaks ${invariant} too. replay: npm run sim -- --plan ${file}`);
}

function commitOf(root: string): string {
  const git = (...args: string[]): string => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
  try {
    const changed = git('status', '--porcelain', '--', 'packages', 'test') === '' ? '' : ' with changes';
    return `commit ${git('rev-parse', '--short', 'HEAD')}${changed}`;
  } catch {
    return 'no commit';
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
