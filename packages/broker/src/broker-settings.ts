/**
 * What the broker can be told: plain numbers, checked by whoever makes them. Every one is a limit of something; none of
 * them has a value that means "no limit".
 */
import { defaultGroupSettings, type GroupSettings } from './coordinator/group/group-settings.js';
import {
  defaultTransactionSettings,
  type TransactionSettings,
} from './coordinator/transaction/transaction-settings.js';

export interface BrokerSettings {
  /** Connections of one listener, and of one remote address to it. */
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  /** Longest frame taken from a client that said Hello. */
  readonly maxFrameBytes: number;
  /** Requests of one connection that are being worked on; the rest stays in its socket. */
  readonly maxInFlightRequests: number;
  /** Replies of one connection that wait for a slow reader; one more reply at most is made beyond this. */
  readonly maxOutputBytes: number;
  /** Of all connections of a listener together; from there on replies are made one by one as others are taken. */
  readonly maxAllOutputBytes: number;
  /** Memory of requests that came in pieces, kept for the next ones: of the client listener, of the internal one ... */
  readonly keptRequestBytes: number;
  readonly internalKeptRequestBytes: number;
  /** ... and of what leaders reply to this node as follower. */
  readonly keptReplicaBytes: number;
  /** Until Hello has arrived. */
  readonly handshakeMs: number;
  /** A frame may take this long, and longer only as long as its bytes keep coming at `minFrameBytesPerSecond`. */
  readonly frameMs: number;
  readonly minFrameBytesPerSecond: number;
  /** A connection on which nothing happens is closed. */
  readonly idleMs: number;
  /**
   * The same three on the internal listener. What is too little for a client only slows it down; a node that is cut
   * off from the others is no part of the cluster, so that the limits of clients must not reach it.
   */
  readonly internalMaxConnections: number;
  readonly internalMaxInFlightRequests: number;
  readonly internalIdleMs: number;
  /** A reader that takes none of its replies for this long is cut off. */
  readonly stallMs: number;
  /** One that takes its replies at less than `minFrameBytesPerSecond` for this long is, when others wait for the memory. */
  readonly slowReaderMs: number;
  /** Record bytes in one fetch reply, whatever the request allows; a single larger batch is still sent. */
  readonly fetchMaxBytes: number;
  /** Longest wait of a fetch or a produce request, whatever the request says. */
  readonly maxWaitMs: number;
  /** Fetch, and produce, requests of all connections that may wait at the same time. */
  readonly maxWaitingRequests: number;
  /** Batches that Hello announces as accepted; a topic may allow less or more. */
  readonly maxBatchBytes: number;
  /** Whether Metadata creates the topics it is asked for by name. */
  readonly autoCreateTopics: boolean;
  /** Between two rounds of retention and compaction. */
  readonly housekeepingMs: number;
  /** How long a graceful stop waits for replies to be read. */
  readonly shutdownMs: number;
  /** How long it waits before that for its leaderships to move to other nodes. */
  readonly controlledShutdownMs: number;
  /** Between two signs of life to the controller. */
  readonly heartbeatMs: number;
  /** After so long without an answer to a sign of life the controller may have given this node's leaderships away. */
  readonly sessionTimeoutMs: number;
  /** A follower that lags for longer is put out of the in-sync set. */
  readonly replicaLagMaxMs: number;
  /** How long a fetch of this node from a leader waits for records. */
  readonly replicaFetchWaitMs: number;
  /** Record bytes of one reply to this node as follower, and of one partition in it. */
  readonly replicaFetchMaxBytes: number;
  readonly replicaFetchPartitionMaxBytes: number;
  /** Of consumer groups that this node coordinates. */
  readonly groups: GroupSettings;
  /** Of transactions that this node coordinates. */
  readonly transactions: TransactionSettings;
}

export const defaultBrokerSettings: BrokerSettings = {
  maxConnections: 10_000,
  maxConnectionsPerAddress: 5_000,
  maxFrameBytes: 16 * 1024 * 1024,
  maxInFlightRequests: 64,
  maxOutputBytes: 16 * 1024 * 1024,
  maxAllOutputBytes: 256 * 1024 * 1024,
  keptRequestBytes: 32 * 1024 * 1024,
  internalKeptRequestBytes: 4 * 1024 * 1024,
  keptReplicaBytes: 12 * 1024 * 1024,
  handshakeMs: 5_000,
  frameMs: 30_000,
  minFrameBytesPerSecond: 16 * 1024,
  idleMs: 10 * 60_000,
  internalMaxConnections: 1000,
  internalMaxInFlightRequests: 256,
  internalIdleMs: 10 * 60_000,
  stallMs: 60_000,
  slowReaderMs: 5_000,
  fetchMaxBytes: 8 * 1024 * 1024,
  maxWaitMs: 5 * 60_000,
  maxWaitingRequests: 100_000,
  maxBatchBytes: 1024 * 1024 + 12,
  autoCreateTopics: true,
  housekeepingMs: 30_000,
  shutdownMs: 5_000,
  controlledShutdownMs: 10_000,
  heartbeatMs: 500,
  sessionTimeoutMs: 9000,
  replicaLagMaxMs: 30_000,
  replicaFetchWaitMs: 500,
  replicaFetchMaxBytes: 8 * 1024 * 1024,
  replicaFetchPartitionMaxBytes: 1024 * 1024,
  groups: defaultGroupSettings,
  transactions: defaultTransactionSettings,
};
