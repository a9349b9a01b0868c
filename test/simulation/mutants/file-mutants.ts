/** Bugs between a node and its disk. */
import { withFaultyFiles } from './faulty-files.js';
import type { Mutant } from './mutant.js';

const isLog = (path: string): boolean => path.endsWith('.log');

export const fileMutants: readonly Mutant[] = [
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
    budgetSeeds: 300,
    wrap: (environment) =>
      withFaultyFiles(environment, { isMeant: isLog, sync: (file) => file.sync().catch(() => file.sync()) }),
  },
  {
    id: 'm14',
    trap: 'directories are not synced after a file was created or renamed',
    budgetSeeds: 50,
    wrap: (environment) => withFaultyFiles(environment, { isMeant: isLog, syncDirectory: () => Promise.resolve() }),
  },
  {
    id: 'm15',
    trap: 'a short write counts as a whole one',
    budgetSeeds: 100,
    wrap: (environment) => withFaultyFiles(environment, { isMeant: isLog, written: (_written, asked) => asked }),
  },
];
