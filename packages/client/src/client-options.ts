import type { Environment } from '@millrace/base';
import type { Address } from '@millrace/base';
import { nodeEnvironment } from '@millrace/base/node';
import { defaultMaxFrameBytes } from '@millrace/protocol';
import { parseBootstrap } from './bootstrap.js';

/** What every client takes; producer, consumer and admin add their own. */
export interface ClientOptions {
  /** `host:port` of one or more nodes: a few are enough, the rest is found through them. */
  readonly bootstrap: string | readonly string[];
  /** Name of this program in the nodes' logs. */
  readonly clientId?: string;
  /** A request that is not answered within this time fails, and the connection with it. */
  readonly requestTimeoutMs?: number;
  /** For connecting and saying Hello together. */
  readonly connectTimeoutMs?: number;
  /** What is known of topics and leaders is asked again after this time, also when nothing failed. */
  readonly metadataMaxAgeMs?: number;
  /** Pause before a node is called again after a failure: doubles up to the maximum. */
  readonly reconnectBackoffMs?: number;
  readonly reconnectBackoffMaxMs?: number;
  /** Pause before a failed request is tried again: doubles up to the maximum. */
  readonly retryBackoffMs?: number;
  readonly retryBackoffMaxMs?: number;
  /** Longest reply accepted from a node. */
  readonly maxFrameBytes?: number;
  readonly maxInFlightPerConnection?: number;
  readonly maxConnections?: number;
  /** Time, network, randomness and logging; the process's own by default. */
  readonly environment?: Environment;
}

export interface ResolvedClientOptions extends Required<Omit<ClientOptions, 'bootstrap'>> {
  readonly bootstrap: readonly Address[];
}

export function resolveClientOptions(options: ClientOptions): ResolvedClientOptions {
  return {
    bootstrap: parseBootstrap(options.bootstrap),
    clientId: options.clientId ?? 'millrace-js',
    requestTimeoutMs: options.requestTimeoutMs ?? 30_000,
    connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
    metadataMaxAgeMs: options.metadataMaxAgeMs ?? 300_000,
    reconnectBackoffMs: options.reconnectBackoffMs ?? 50,
    reconnectBackoffMaxMs: options.reconnectBackoffMaxMs ?? 1000,
    retryBackoffMs: options.retryBackoffMs ?? 100,
    retryBackoffMaxMs: options.retryBackoffMaxMs ?? 1000,
    maxFrameBytes: options.maxFrameBytes ?? defaultMaxFrameBytes,
    // A node takes 64 requests of a connection at a time, and reads a Ping only while it has room for it.
    maxInFlightPerConnection: options.maxInFlightPerConnection ?? 60,
    maxConnections: options.maxConnections ?? 256,
    environment: options.environment ?? nodeEnvironment(),
  };
}
