/** The bank of planted bugs. */
import type { Environment } from '@millrace/base';
import { coordinatorMutants } from './coordinator-mutants.js';
import { fileMutants } from './file-mutants.js';
import type { Mutant, NotPlanted } from './mutant.js';
import { replicationMutants } from './replication-mutants.js';
import { storageMutants } from './storage-mutants.js';

export const mutants: readonly Mutant[] = [
  ...fileMutants,
  ...storageMutants,
  ...replicationMutants,
  ...coordinatorMutants,
];

/** Why the other traps have no bug here. */
export const notPlanted: readonly NotPlanted[] = [
  {
    id: 'm4',
    why: 'a follower of an old epoch is told so by three things that its fetch carries, and each alone is enough: leader epoch, last epoch of its log, broker epoch; m3 and m9 take the last two away',
  },
  {
    id: 'm16',
    why: 'batches are written at the position where the log ends as it counts, so bytes that do not count are overwritten; recovery cuts what is left of them',
  },
  {
    id: 'm19',
    why: 'record batches are as Kafka defines them, whose checksum begins after offset and epoch: recovery holds these against the segment name, the batches around and the saved leader epochs',
  },
  { id: 'm20', why: 'indexes are only ever appended to: none has a tail of zeroes that could be read as entries' },
  {
    id: 'm23',
    why: 'survives: with both bounds of the saved high watermark taken away, five seeds of S6b show nothing, for nothing is ever cut by it and leaders ask their followers anyway',
  },
  { id: 'm24', why: 'planted in the simulator of packages/raft (voteBeforePersist), whose crashes hit single votes' },
  { id: 'm25', why: 'planted in the simulator of packages/raft (ignoreDirectoryId)' },
  {
    id: 'm28',
    why: 'no clock decides that a read is current; the barrier of a leader that lost its majority is judged in packages/raft (B6)',
  },
  { id: 'm29', why: 'planted in the simulator of packages/raft (changeBeforeOwnCommit)' },
];

export function mutantOf(id: string): Mutant {
  const mutant = mutants.find((each) => each.id === id);
  if (mutant !== undefined) return mutant;
  throw new Error(`There is no planted bug ${id}; there are ${mutants.map((each) => each.id).join(', ')}.`);
}

/** Source patches are in the tree already. */
export function wrapOf(mutant: Mutant): (environment: Environment) => Environment {
  return mutant.wrap ?? ((environment) => environment);
}
