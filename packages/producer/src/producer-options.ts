/**
 * Options of a producer: names, defaults and bounds, checked as a whole before anything is opened.
 */
import { MillraceError, type Environment } from '@millrace/base';
import type { Compression } from '@millrace/record';
import type { Partitioner } from './partitioner.js';
import type { Bytes } from './producer-record.js';

export interface ProducerOptions<Key = Bytes, Value = Bytes> {
  /** `host:port` of any nodes of the cluster, as a list or separated by commas. */
  readonly bootstrap: string | readonly string[];
  readonly clientId?: string;
  /** 'all' (default): synced on all in-sync replicas; 1: synced by the leader; 0: not even answered. */
  readonly acks?: 'all' | 1 | 0;
  /** How long a batch that is not full waits for more records (0). Even then, records of one event-loop turn share a batch. */
  readonly lingerMs?: number;
  /** A batch is full at this size, before compression (512 KiB). */
  readonly batchBytes?: number;
  /** Bound of all records held: waiting, in flight and being retried (64 MiB). */
  readonly bufferMemoryBytes?: number;
  readonly compression?: Compression;
  /** No duplicates and no reordering by retries. On by default with acks 'all', impossible without. */
  readonly idempotent?: boolean;
  /**
   * Makes the producer transactional: records are sent in transactions, all of which are read or none. The same id again,
   * in whatever process, shuts the producer that had it before out, and aborts what it left open.
   */
  readonly transactionalId?: string;
  /** A transaction that is open for longer is aborted by the cluster (60 s). */
  readonly transactionTimeoutMs?: number;
  /** Which partition a record goes to: 'murmur2' (default), 'roundRobin' or a function. */
  readonly partitioner?: 'murmur2' | 'roundRobin' | Partitioner;
  /** A record is acknowledged or failed at most this long after it was accepted (120 s). */
  readonly deliveryTimeoutMs?: number;
  /** How long to wait for the answer to one request before trying again (30 s). */
  readonly requestTimeoutMs?: number;
  /** First wait before a retry (50 ms); doubled each time, with jitter, up to `retryBackoffMaxMs` (1 s). */
  readonly retryBackoffMs?: number;
  readonly retryBackoffMaxMs?: number;
  /** Largest produce request (8 MiB). A batch larger than this never leaves, so it also bounds one record. */
  readonly maxRequestBytes?: number;
  /** Requests in flight to one node (5; more would break idempotence). */
  readonly maxInFlightRequests?: number;
  /** Let the cluster create topics that do not exist, where its settings allow it (true). */
  readonly allowAutoCreate?: boolean;
  readonly serializeKey?: (key: Key) => Bytes;
  readonly serializeValue?: (value: Value) => Bytes;
  /** Told of every batch of records that failed while nobody waited for them. Without it, `flush` and `close` report them. */
  readonly onError?: (error: MillraceError, failure: UnobservedFailure) => void;
  /** Time, randomness and network; those of Node by default. */
  readonly environment?: Environment;
}

export interface UnobservedFailure {
  readonly topic: string;
  readonly partition: number | undefined;
  readonly recordCount: number;
}

/** The checked options that the parts of the producer use. */
export interface ProducerSettings {
  readonly acks: -1 | 0 | 1;
  readonly lingerMs: number;
  readonly batchBytes: number;
  readonly bufferMemoryBytes: number;
  readonly compression: Compression;
  readonly idempotent: boolean;
  readonly transactionalId: string | undefined;
  readonly transactionTimeoutMs: number;
  readonly deliveryTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly retryBackoffMs: number;
  readonly retryBackoffMaxMs: number;
  readonly maxRequestBytes: number;
  readonly maxInFlightRequests: number;
  readonly allowAutoCreate: boolean;
}

/** As many batches of one producer and partition as a broker remembers: with more in flight it could miss a duplicate. */
const maxIdempotentInFlight = 5;

const maxTransactionalIdLength = 1024;
const mib = 1024 * 1024;

export function producerSettings(options: Omit<ProducerOptions, 'serializeKey' | 'serializeValue'>): ProducerSettings {
  const acks = options.acks ?? 'all';
  if (!allowedAcks.includes(acks)) throw invalid('acks', acks, "'all', 1 or 0");
  const idempotent = options.idempotent ?? acks === 'all';
  if (idempotent && acks !== 'all') throw invalid('idempotent', true, "false unless acks is 'all'");
  const { transactionalId } = options;
  if (transactionalId !== undefined && (transactionalId === '' || transactionalId.length > maxTransactionalIdLength)) {
    throw invalid('transactionalId', transactionalId, `a text of 1 to ${maxTransactionalIdLength} characters`);
  }
  if (transactionalId !== undefined && !idempotent) throw invalid('idempotent', false, 'true with a transactionalId');
  const maxInFlight = idempotent ? maxIdempotentInFlight : 64;
  const settings: ProducerSettings = {
    acks: acks === 'all' ? -1 : acks,
    lingerMs: number('lingerMs', options.lingerMs ?? 0, 0, 3_600_000),
    batchBytes: number('batchBytes', options.batchBytes ?? 512 * 1024, 256, 16 * mib),
    bufferMemoryBytes: number('bufferMemoryBytes', options.bufferMemoryBytes ?? 64 * mib, 1024, 2 ** 40),
    compression: options.compression ?? 'none',
    idempotent,
    transactionalId,
    transactionTimeoutMs: number('transactionTimeoutMs', options.transactionTimeoutMs ?? 60_000, 1, 2 ** 31 - 1),
    deliveryTimeoutMs: number('deliveryTimeoutMs', options.deliveryTimeoutMs ?? 120_000, 1, 2 ** 31 - 1),
    requestTimeoutMs: number('requestTimeoutMs', options.requestTimeoutMs ?? 30_000, 1, 2 ** 31 - 1),
    retryBackoffMs: number('retryBackoffMs', options.retryBackoffMs ?? 50, 1, 3_600_000),
    retryBackoffMaxMs: number('retryBackoffMaxMs', options.retryBackoffMaxMs ?? 1000, 1, 3_600_000),
    maxRequestBytes: number('maxRequestBytes', options.maxRequestBytes ?? 8 * mib, 1024, 2 ** 31 - 1),
    maxInFlightRequests: number('maxInFlightRequests', options.maxInFlightRequests ?? 5, 1, maxInFlight),
    allowAutoCreate: options.allowAutoCreate ?? true,
  };
  if (!compressions.includes(settings.compression)) {
    throw invalid('compression', settings.compression, compressions.join(', '));
  }
  if (settings.batchBytes > settings.maxRequestBytes) {
    throw invalid('batchBytes', settings.batchBytes, `at most maxRequestBytes (${settings.maxRequestBytes})`);
  }
  return settings;
}

// Programs without types may pass anything.
const allowedAcks: readonly unknown[] = ['all', 1, 0];
const compressions: readonly string[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

function number(name: string, value: number, lowest: number, highest: number): number {
  if (Number.isFinite(value) && value >= lowest && value <= highest) return value;
  throw invalid(name, value, `a number from ${lowest} to ${highest}`);
}

function invalid(name: string, value: unknown, allowed: string): MillraceError {
  return new MillraceError('INVALID_CONFIG', `Producer option ${name} is ${String(value)}; it must be ${allowed}.`);
}
