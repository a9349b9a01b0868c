/** The options of `run`: names, defaults, bounds. */
import { MillraceError } from '@millrace/base';
import type { ConsumerBatch } from '../consumer-batch.js';
import type { ConsumerRecord } from '../consumer-record.js';

/** What is to become of a record, or batch, whose callback has failed. */
export type FailureVerdict =
  /** `run` ends with the error; the record counts as not processed. */
  | 'stop'
  /** It counts as processed. */
  | 'skip'
  /** The callback is called again after a while; what comes after it in its order waits. */
  | 'retry';

export interface CallbackFailure<Key = Uint8Array | null, Value = Uint8Array | null> {
  readonly error: unknown;
  /** How often the callback was called for it, from 1. */
  readonly attempt: number;
  /** With `eachRecord`. */
  readonly record: ConsumerRecord<Key, Value> | undefined;
  /** With `eachBatch`. */
  readonly batch: ConsumerBatch<Key, Value> | undefined;
}

export interface RunOptions<Key = Uint8Array | null, Value = Uint8Array | null> {
  /** Called for each record, one after the other within a partition, or within a key. */
  readonly eachRecord?: (record: ConsumerRecord<Key, Value>) => Promise<void> | void;
  /** Called for each batch, one after the other within a partition. */
  readonly eachBatch?: (batch: ConsumerBatch<Key, Value>) => Promise<void> | void;
  /** Workers: callbacks that run at the same time (1). */
  readonly concurrency?: number;
  /**
   * What stays in order ('partition'). With 'key' records of one partition are worked on side by side where their keys
   * differ, so that more workers than partitions have something to do; those without a key are one key.
   */
  readonly order?: 'partition' | 'key';
  /**
   * With `order: 'key'`: how many records the program may be ahead of the first one that is not finished, over all
   * partitions, each having its share (10,000). So many come again at most after a crash.
   */
  readonly maxUnfinishedRecords?: number;
  /** What to do when a callback fails ('stop'): always the same, or as decided for each failure. */
  readonly onError?:
    FailureVerdict | ((failure: CallbackFailure<Key, Value>) => FailureVerdict | Promise<FailureVerdict>);
  /** The wait before the first retry (100 ms); it doubles up to `retryBackoffMaxMs` (10 s). */
  readonly retryBackoffMs?: number;
  readonly retryBackoffMaxMs?: number;
  /** Ends `run`: callbacks that run are waited for, and it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface RunSettings<Key, Value> {
  readonly eachRecord: RunOptions<Key, Value>['eachRecord'];
  readonly eachBatch: RunOptions<Key, Value>['eachBatch'];
  readonly concurrency: number;
  readonly order: 'partition' | 'key';
  readonly maxUnfinishedRecords: number;
  readonly onError: NonNullable<RunOptions<Key, Value>['onError']>;
  readonly retryBackoffMs: number;
  readonly retryBackoffMaxMs: number;
  readonly signal: AbortSignal | undefined;
}

const verdicts: readonly FailureVerdict[] = ['stop', 'skip', 'retry'];

export function runSettings<Key, Value>(options: RunOptions<Key, Value>): RunSettings<Key, Value> {
  const { eachRecord, eachBatch, order = 'partition', onError = 'stop', signal } = options;
  if ((eachRecord === undefined) === (eachBatch === undefined)) {
    throw invalid('Give run one of eachRecord and eachBatch.');
  }
  if (!['partition', 'key'].includes(order)) {
    throw invalid(`order is ${String(order)}; it must be partition or key.`);
  }
  if (order === 'key' && eachBatch !== undefined) {
    throw invalid("order 'key' takes batches apart: it goes with eachRecord.");
  }
  if (typeof onError !== 'function' && !isVerdict(onError)) {
    throw invalid(`onError is ${String(onError)}; it must be stop, skip, retry or a function.`);
  }
  return {
    eachRecord,
    eachBatch,
    order,
    onError,
    signal,
    concurrency: fromOne('concurrency', options.concurrency ?? 1),
    maxUnfinishedRecords: fromOne('maxUnfinishedRecords', options.maxUnfinishedRecords ?? 10_000),
    retryBackoffMs: fromOne('retryBackoffMs', options.retryBackoffMs ?? 100),
    retryBackoffMaxMs: fromOne('retryBackoffMaxMs', options.retryBackoffMaxMs ?? 10_000),
  };
}

export function isVerdict(value: unknown): value is FailureVerdict {
  return verdicts.some((verdict) => verdict === value);
}

function fromOne(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1 && value < 2 ** 31) return value;
  throw invalid(`${name} must be a whole number from 1 to ${2 ** 31 - 1}, got ${value}.`);
}

function invalid(what: string): MillraceError {
  return new MillraceError('INVALID_CONFIG', what);
}
