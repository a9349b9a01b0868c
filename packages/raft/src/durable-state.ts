import type { RaftEntry } from './entry.js';
import type { ReplicaKey } from './replica.js';
import type { LogStart } from './snapshot.js';

/** The promises of a replica about elections. */
export interface HardState {
  /** Highest term seen; never falls. */
  readonly term: number;
  /** Who got the vote of this term. */
  readonly vote: ReplicaKey | undefined;
}

export interface StoredSnapshot {
  readonly position: number;
  readonly sizeBytes: number;
}

/** All that a replica remembers when it starts. */
export interface DurableState {
  readonly hardState: HardState;
  readonly start: LogStart;
  /** From `start.position` on, without gaps. */
  readonly entries: readonly RaftEntry[];
  /** The newest whole snapshot; undefined only when `start.position` is 0. Never past the end of `entries`. */
  readonly snapshot: StoredSnapshot | undefined;
}
