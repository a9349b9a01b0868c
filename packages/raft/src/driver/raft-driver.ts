import type { Clock, Logger, RandomStream } from '@millrace/base';
import type { RaftEntry } from '../entry.js';
import type { Membership } from '../membership.js';
import type { ReplicaKey } from '../replica.js';
import type { RaftSettings } from '../settings.js';
import type { LogStart } from '../snapshot.js';
import type { RaftStorage } from './raft-storage.js';
import type { RaftTransport } from './raft-transport.js';

export type RaftRole = 'observer' | 'follower' | 'prospective' | 'candidate' | 'leader';

/** Who leads, as far as this replica knows. */
export interface Leadership {
  readonly role: RaftRole;
  readonly term: number;
  readonly leader: ReplicaKey | undefined;
}

export interface RaftListener {
  /** Called with every committed entry, once per life of the driver and in order, from the first one after the snapshot it loaded. */
  onCommitted?(entry: RaftEntry): void;
  /** A leader's snapshot took the place of the log: the state is to be loaded from it. */
  onSnapshotInstalled?(start: LogStart): void;
  onLeadership?(leadership: Leadership): void;
  /** The driver has stopped for good, because its disk failed or an invariant broke. */
  onFailed?(error: unknown): void;
}

export interface RaftDriverOptions {
  readonly self: ReplicaKey;
  readonly storage: RaftStorage;
  readonly transport: RaftTransport;
  readonly clock: Clock;
  /** Draws the election timeouts. */
  readonly random: RandomStream;
  readonly logger: Logger;
  readonly settings?: Partial<RaftSettings>;
  /** Node ids that an observer asks for the leader when its log names no voters yet. */
  readonly bootstrapIds?: readonly number[];
  readonly listener?: RaftListener;
}

export declare class RaftDriver {
  static open(options: RaftDriverOptions): Promise<RaftDriver>;
  // CommittedLog<Uint8Array>
  readonly startPosition: number;
  readonly committedPosition: number;
  readonly endPosition: number;
  onLost: ((reason: unknown) => void) | undefined;
  append(records: readonly Uint8Array[]): number;
  committed(position: number): Promise<void>;
  barrier(): Promise<void>;
  replay(from: number, apply: (record: Uint8Array, position: number) => void): Promise<number>;
  advanceStart(position: number): void;
  // Raft
  readonly leadership: Leadership;
  readonly membership: Membership;
  addVoter(replica: ReplicaKey): Promise<void>;
  removeVoter(replica: ReplicaKey): Promise<void>;
  transferLeadership(to?: number): Promise<void>;
  close(): Promise<void>;
}
