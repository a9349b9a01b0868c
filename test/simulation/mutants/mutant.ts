import type { Environment } from '@millrace/base';

/** A change of a source file, made in a copy. It must apply exactly once. */
export interface SourcePatch {
  /** From the root of the checkout. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** A planted bug: the simulator must find it within its budget, or it could not find the real one either. */
export interface Mutant {
  /** As the table of traps numbers it. */
  readonly id: string;
  readonly trap: string;
  /** In how many seeds it must be found. */
  readonly budgetSeeds: number;
  /** The schedule of faults that shows it, run with as many seeds; undefined: seeds that draw their plans. */
  readonly scenario?: string;
  /** Clusters that can show it. */
  readonly nodesMax?: number;
  /** A bug that can be planted between the node and its environment. */
  readonly wrap?: (environment: Environment) => Environment;
  /** One that cannot. */
  readonly patches?: readonly SourcePatch[];
}

/** A trap that no bug is planted for in this bank. */
export interface NotPlanted {
  readonly id: string;
  readonly why: string;
}
