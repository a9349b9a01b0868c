import type { ReplicaKey } from './replica.js';

/** See the header of `core/raft-core.ts` for the transitions. */
export type RaftRole = 'observer' | 'follower' | 'prospective' | 'candidate' | 'leader';

/** Who leads, as far as this replica knows. */
export interface Leadership {
  readonly role: RaftRole;
  readonly term: number;
  readonly leader: ReplicaKey | undefined;
}
