/** The bank of planted bugs. */
import type { Environment } from '@millrace/base';
import { fileMutants } from './file-mutants.js';
import type { Mutant } from './mutant.js';
import { replicationMutants } from './replication-mutants.js';
import { storageMutants } from './storage-mutants.js';

export const mutants: readonly Mutant[] = [...fileMutants, ...storageMutants, ...replicationMutants];

export function mutantOf(id: string): Mutant {
  const mutant = mutants.find((each) => each.id === id);
  if (mutant !== undefined) return mutant;
  throw new Error(`There is no planted bug ${id}; there are ${mutants.map((each) => each.id).join(', ')}.`);
}

/** Source patches are in the tree already. */
export function wrapOf(mutant: Mutant): (environment: Environment) => Environment {
  return mutant.wrap ?? ((environment) => environment);
}
