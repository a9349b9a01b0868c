/** `npm run sim:mutants`: every planted bug must be found within its budget of seeds. */
import type { Mutant } from '../mutants/mutant.js';
import { mutants, mutantOf, notPlanted } from '../mutants/mutants.js';
import type { Shell } from './command-line.js';
import { runSeed } from './run-seed.js';
import { runSeeds } from './seed-pool.js';

export interface HuntOptions {
  readonly shell: Shell;
  readonly print: (line: string) => void;
  readonly jobs: number;
  /** Only this one. */
  readonly mutant?: string;
  /** Instead of each bug's own budget. */
  readonly budget: number;
}

interface Kill {
  /** They are tried from 1 on: so many were needed. */
  readonly seed: number;
  readonly invariants: string;
}

/** Resolves to the exit code: 0 when all were found. */
export async function huntMutants(options: HuntOptions): Promise<number> {
  const { print } = options;
  const hunted = options.mutant === undefined ? mutants : [mutantOf(options.mutant)];
  let missed = 0;
  const needed: number[] = [];
  print('        bug    seeds  budget  seconds  by               what was planted; what it broke');
  for (const mutant of hunted) {
    const budget = options.budget > 0 ? options.budget : mutant.budgetSeeds;
    const startedMs = performance.now();
    const kill = await hunt(mutant, budget, options);
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    if (kill === undefined) missed += 1;
    else needed.push(kill.seed);
    const columns = [
      (kill === undefined ? 'MISSED' : 'killed').padEnd(7),
      mutant.id.padEnd(5),
      String(kill?.seed ?? '-').padStart(6),
      String(budget).padStart(7),
      seconds.padStart(8),
      ` ${mutant.scenario ?? 'drawn plans'}`.padEnd(17),
      kill === undefined ? mutant.trap : `${mutant.trap}; ${kill.invariants}`,
    ];
    print(columns.join(' '));
  }
  for (const { id, why } of options.mutant === undefined ? notPlanted : []) print(`not planted  ${id}: ${why}`);
  const median = needed.sort((a, b) => a - b)[Math.floor(needed.length / 2)];
  if (median !== undefined) print(`seeds until killed: ${median} in the median, ${needed.at(-1)} at most`);
  print(`${hunted.length - missed} of ${hunted.length} planted bugs were killed within their budgets`);
  return missed === 0 ? 0 : 1;
}

/** Looks seed by seed; one that is broken without the planted bug too says nothing about it. */
async function hunt(mutant: Mutant, budget: number, options: HuntOptions): Promise<Kill | undefined> {
  const nodesMax = mutant.nodesMax ?? 1;
  const { shell, jobs, print } = options;
  const tree = mutant.patches === undefined ? shell.tree : shell.buildTree(mutant.patches);
  let next = 1;
  while (next <= budget) {
    const suspects: Kill[] = [];
    await runSeeds({
      tree,
      jobs,
      nodesMax,
      mutant: mutant.id,
      scenario: mutant.scenario,
      next: () => (suspects.length > 0 || next > budget ? undefined : next++),
      onReport: ({ seed, violations }) => {
        if (violations.length === 0) return;
        const invariants = [...new Set(violations.map(({ invariant }) => invariant))].join(', ');
        suspects.push({ seed, invariants });
      },
    });
    for (const suspect of suspects.sort((a, b) => a.seed - b.seed)) {
      const { violations } = await runSeed(suspect.seed, { nodesMax, mutant: undefined, scenario: mutant.scenario });
      if (violations.length === 0) return suspect;
      print(`seed ${suspect.seed} is broken without ${mutant.id} too: ${violations[0]?.text ?? ''}`);
    }
  }
  return undefined;
}
