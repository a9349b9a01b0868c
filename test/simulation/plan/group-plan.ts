/** Consumer groups of a plan: what they read, who belongs to them, who comes and goes. */
export interface GroupPlan {
  readonly name: string;
  /** Read by name. */
  readonly topics: readonly string[];
  /** Topics that match are read too; empty for none. */
  readonly pattern: string;
  readonly assignor: 'uniform' | 'range';
  readonly delivery: 'at-least-once' | 'at-most-once';
  readonly members: readonly MemberPlan[];
}

/**
 * How the program of a member goes about its records:
 * - `records`, `batches`: it iterates, and what is processed is committed now and then;
 * - `run`: with callbacks, two partitions at a time;
 * - `manual`: it commits each batch itself, under its member id, and goes on when that is done.
 */
export type MemberStyle = 'records' | 'batches' | 'run' | 'manual';

export interface MemberPlan {
  /** Whether it keeps its name, and its place, over restarts. */
  readonly isStatic: boolean;
  /** Whether it is there from the beginning. */
  readonly isEarly: boolean;
  readonly style: MemberStyle;
  /** How long the program takes for what it is given. */
  readonly workMs: number;
  readonly autoCommitIntervalMs: number;
  readonly maxPollIntervalMs: number;
  readonly requestTimeoutMs: number;
}
