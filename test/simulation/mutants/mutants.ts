/** The bank of planted bugs. */
import type { Environment } from '@millrace/base';
import { withFaultyFiles } from './faulty-files.js';
import type { Mutant } from './mutant.js';

export type { Mutant, SourcePatch } from './mutant.js';

const isLog = (path: string): boolean => path.endsWith('.log');

export const mutants: readonly Mutant[] = [
  {
    id: 'm11',
    trap: 'records are acknowledged when their sync begins, not when it ends',
    budgetSeeds: 100,
    wrap: (environment) =>
      withFaultyFiles(environment, {
        isMeant: isLog,
        sync: (file) => {
          file.sync().catch(() => undefined);
          return Promise.resolve();
        },
      }),
  },
  {
    id: 'm13',
    trap: 'a sync that failed is tried again, and counts when it then succeeds',
    budgetSeeds: 400,
    wrap: (environment) =>
      withFaultyFiles(environment, { isMeant: isLog, sync: (file) => file.sync().catch(() => file.sync()) }),
  },
  {
    id: 'm14',
    trap: 'directories are not synced after a file was created or renamed',
    budgetSeeds: 100,
    wrap: (environment) => withFaultyFiles(environment, { isMeant: isLog, syncDirectory: () => Promise.resolve() }),
  },
  {
    id: 'm15',
    trap: 'a short write counts as a whole one',
    budgetSeeds: 200,
    wrap: (environment) => withFaultyFiles(environment, { isMeant: isLog, written: (_written, asked) => asked }),
  },
];

export function mutantOf(id: string): Mutant {
  const mutant = mutants.find((each) => each.id === id);
  if (mutant === undefined)
    throw new Error(`There is no planted bug ${id}; there are ${mutants.map((each) => each.id).join(', ')}.`);
  return mutant;
}

/** Source patches are in the tree already. */
export function wrapOf(mutant: Mutant): (environment: Environment) => Environment {
  return mutant.wrap ?? ((environment) => environment);
}
