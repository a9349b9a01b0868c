/**
 * Options of a consumer: names, defaults and bounds, checked as a whole before anything is opened.
 */
import { MillraceError, type Environment } from '@millrace/base';
import type { Assignment, StartPosition } from './consumer-record.js';
import { groupSettings, type GroupOptions, type GroupSettings } from './group/group-options.js';

export interface ConsumerOptions<Key = Uint8Array | null, Value = Uint8Array | null> extends GroupOptions {
  /** `host:port` of any nodes of the cluster, as a list or separated by commas. */
  readonly bootstrap: string | readonly string[];
  readonly clientId?: string;
  /** Reads all partitions of these topics, including those that are added later. Not together with `assignments`. */
  readonly topics?: readonly string[];
  /** Reads exactly these partitions; `assign` changes them. */
  readonly assignments?: readonly Assignment[];
  /**
   * Where partitions begin ('end'); in a group those of which nothing is committed. Partitions that a topic gains later
   * begin at the beginning.
   */
  readonly from?: StartPosition;
  /** What to do where the position is not in the log, for instance because it was deleted ('earliest'). */
  readonly autoOffsetReset?: AutoOffsetReset;
  /** Whether records of open and aborted transactions are read ('read-committed': they are not). */
  readonly isolation?: 'read-committed' | 'read-uncommitted';
  /** How long the broker waits for `minBytes` before it answers with less (500 ms). */
  readonly maxWaitMs?: number;
  readonly minBytes?: number;
  /** Most bytes of one answer (8 MiB) and of one partition in it (2 MiB). A larger batch still comes whole. */
  readonly fetchMaxBytes?: number;
  readonly partitionFetchMaxBytes?: number;
  /** Bound of the bytes fetched ahead of what the program has taken (32 MiB). */
  readonly prefetchBytes?: number;
  /** A batch that decompresses to more fails with `DECOMPRESSED_TOO_LARGE` (64 MiB). */
  readonly maxDecompressedBytes?: number;
  readonly requestTimeoutMs?: number;
  readonly retryBackoffMs?: number;
  readonly retryBackoffMaxMs?: number;
  /** How often topics are looked at for new partitions and leaders (60 s). */
  readonly metadataMaxAgeMs?: number;
  readonly deserializeKey?: (key: Uint8Array | null) => Key;
  readonly deserializeValue?: (value: Uint8Array | null) => Value;
  /** Ends every wait; iteration then throws the signal's reason. */
  readonly signal?: AbortSignal;
  /** Time, randomness and network; those of Node by default. */
  readonly environment?: Environment;
}

export type AutoOffsetReset = 'earliest' | 'latest' | 'error';

/** The checked options that the parts of the consumer use. */
export interface ConsumerSettings {
  readonly group: GroupSettings | undefined;
  readonly from: StartPosition;
  readonly autoOffsetReset: AutoOffsetReset;
  readonly isolation: 'read-committed' | 'read-uncommitted';
  readonly maxWaitMs: number;
  readonly minBytes: number;
  readonly fetchMaxBytes: number;
  readonly partitionFetchMaxBytes: number;
  readonly prefetchBytes: number;
  readonly maxDecompressedBytes: number;
  readonly requestTimeoutMs: number;
  readonly retryBackoffMs: number;
  readonly retryBackoffMaxMs: number;
  readonly metadataMaxAgeMs: number;
}

const mib = 1024 * 1024;

export function consumerSettings(
  options: Omit<ConsumerOptions, 'deserializeKey' | 'deserializeValue'>,
): ConsumerSettings {
  if (options.topics !== undefined && options.assignments !== undefined) {
    throw new MillraceError('INVALID_CONFIG', 'Consumer options topics and assignments exclude each other; give one.');
  }
  const autoOffsetReset = options.autoOffsetReset ?? 'earliest';
  if (!['earliest', 'latest', 'error'].includes(autoOffsetReset)) {
    throw invalid('autoOffsetReset', autoOffsetReset, 'earliest, latest or error');
  }
  const isolation = options.isolation ?? 'read-committed';
  if (!['read-committed', 'read-uncommitted'].includes(isolation)) {
    throw invalid('isolation', isolation, 'read-committed or read-uncommitted');
  }
  const settings = {
    group: groupSettings(options),
    from: startPosition(options.from ?? 'end'),
    autoOffsetReset,
    isolation,
    maxWaitMs: number('maxWaitMs', options.maxWaitMs ?? 500, 0, 60_000),
    minBytes: number('minBytes', options.minBytes ?? 1, 0, 2 ** 31 - 1),
    fetchMaxBytes: number('fetchMaxBytes', options.fetchMaxBytes ?? 8 * mib, 1, 2 ** 31 - 1),
    partitionFetchMaxBytes: number('partitionFetchMaxBytes', options.partitionFetchMaxBytes ?? 2 * mib, 1, 2 ** 31 - 1),
    prefetchBytes: number('prefetchBytes', options.prefetchBytes ?? 32 * mib, 1, 2 ** 40),
    maxDecompressedBytes: number('maxDecompressedBytes', options.maxDecompressedBytes ?? 64 * mib, 1, 2 ** 31 - 1),
    requestTimeoutMs: number('requestTimeoutMs', options.requestTimeoutMs ?? 30_000, 1, 2 ** 31 - 1),
    retryBackoffMs: number('retryBackoffMs', options.retryBackoffMs ?? 50, 1, 3_600_000),
    retryBackoffMaxMs: number('retryBackoffMaxMs', options.retryBackoffMaxMs ?? 1000, 1, 3_600_000),
    metadataMaxAgeMs: number('metadataMaxAgeMs', options.metadataMaxAgeMs ?? 60_000, 10, 2 ** 31 - 1),
  };
  for (const { from } of options.assignments ?? []) if (from !== undefined) startPosition(from);
  return settings;
}

/** Checks a position that a program gave. */
export function startPosition(from: StartPosition): StartPosition {
  if (from === 'beginning' || from === 'end') return from;
  if (typeof from === 'object' && 'offset' in from && Number.isSafeInteger(from.offset) && from.offset >= 0)
    return from;
  if (
    typeof from === 'object' &&
    'timestampMs' in from &&
    Number.isSafeInteger(from.timestampMs) &&
    from.timestampMs >= 0
  ) {
    return from;
  }
  throw invalid('from', JSON.stringify(from), "'beginning', 'end', { offset } or { timestampMs }");
}

function number(name: string, value: number, lowest: number, highest: number): number {
  if (Number.isFinite(value) && value >= lowest && value <= highest) return value;
  throw invalid(name, value, `a number from ${lowest} to ${highest}`);
}

function invalid(name: string, value: unknown, allowed: string): MillraceError {
  return new MillraceError('INVALID_CONFIG', `Consumer option ${name} is ${String(value)}; it must be ${allowed}.`);
}
