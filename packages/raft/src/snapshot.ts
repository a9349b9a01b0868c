import type { Membership } from './membership.js';

/** A place in the log where everything before it was replaced by a snapshot; position 0 in a new log. */
export interface LogStart {
  readonly position: number;
  /** Term of the entry that ended at `position`; 0 at position 0. */
  readonly term: number;
  /** Who votes according to everything before `position`; at position 0, the voters the cluster was formed with. */
  readonly membership: Membership;
}

/** A snapshot as one replica sends it to another: what it replaces, and its size. */
export interface SnapshotDescription extends LogStart {
  readonly sizeBytes: number;
}
