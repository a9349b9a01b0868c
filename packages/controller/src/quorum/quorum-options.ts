import type { RaftSettings, RaftTransport } from '@millrace/raft';
import type { RaftPartitionLog } from './metadata-raft-storage.js';

export interface VoterAddress {
  readonly id: number;
  /** Of its internal listener. */
  readonly host: string;
  readonly port: number;
}

/** What makes a controller one of several. */
export interface QuorumOptions {
  /** All that are to vote, this node or others: the same list on every node. */
  readonly voters: readonly VoterAddress[];
  /** Of this node's data directory: with another one it is another voter. */
  readonly directoryId: string;
  readonly transport: RaftTransport;
  readonly log: RaftPartitionLog;
  readonly raft?: Partial<RaftSettings>;
  readonly presence?: NodePresence;
  /** Asks these configured voters; rejects when one of them is of another cluster than this node's directory. */
  readonly requireSameCluster?: (nodeIds: readonly number[]) => Promise<void>;
}

/** What connections tell of other nodes, sooner than silence does. */
export interface NodePresence {
  /** Whether that process of the node is connected to this one; any, where none is given. */
  isConnected(nodeId: number, incarnationId?: string): boolean;
  /** Finds out whether the node's process still runs, and tells `Controller.noteGone` if it does not. */
  probe(nodeId: number): void;
}

/** Largest decision and message: what fits into one frame of the native protocol, with room for the rest of it. */
const maxQuorumMessageBytes = 15 * 1024 * 1024;

export const quorumRaftSettings = {
  maxEntryBytes: maxQuorumMessageBytes,
  maxMessageBytes: maxQuorumMessageBytes,
  maxInflightBytes: 4 * maxQuorumMessageBytes,
  maxUncommittedBytes: 4 * maxQuorumMessageBytes,
} as const satisfies Partial<RaftSettings>;
