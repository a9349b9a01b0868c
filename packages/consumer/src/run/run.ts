/**
 * Runs a callback over everything a consumer reads, with a number of workers: each takes a partition at a time, or, with
 * `order: 'key'`, a record at a time.
 */
import { completion, offAbort, onAbort, type Clock, type Logger } from '@millrace/base';
import type { Delivery } from '../delivery.js';
import { FailurePolicy } from './failure-policy.js';
import { KeyRun } from './key-run.js';
import { workPartitions } from './partition-run.js';
import { runSettings, type RunOptions } from './run-options.js';
import { Worker } from './worker.js';

export interface RunContext<Key, Value> {
  readonly delivery: Delivery<Key, Value>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Bound of the bytes that records underway lie in. */
  readonly maxBytes: number;
  readonly partitionCount: () => number;
  /** Nothing more is to be read. */
  readonly isOver: () => boolean;
}

/**
 * Resolves when `isOver` says so, rejects with the first failure; either way only after all callbacks have ended, unless
 * one of them hangs for so long that the member had to leave its group.
 */
export async function run<Key, Value>(options: RunOptions<Key, Value>, context: RunContext<Key, Value>): Promise<void> {
  const settings = runSettings(options);
  const { delivery, clock, logger } = context;
  const { signal } = settings;
  const failures: unknown[] = [];
  const isFailed = (): boolean => failures.length > 0;
  const isOver = (): boolean => context.isOver() || isFailed() || signal?.aborted === true;
  const policy = new FailurePolicy<Key, Value>({ settings, clock, logger, isOver });
  const byKey =
    settings.order === 'key' ? new KeyRun<Key, Value>({ ...context, settings, policy, isOver, isFailed }) : undefined;
  const fail = (error: unknown): void => {
    failures.push(error);
    delivery.wake();
  };
  const work = async (worker: Worker): Promise<void> => {
    try {
      if (byKey === undefined) await workPartitions(worker, { delivery, settings, policy, isOver });
      else await byKey.work(worker);
    } catch (error) {
      fail(error);
    }
  };
  const crew = Array.from({ length: settings.concurrency }, (_, index) => new Worker(index, clock));
  const abandoned = completion<void>();
  delivery.putBack();
  delivery.settle();
  delivery.crew = crew;
  delivery.onHang = (error) => {
    fail(error);
    abandoned.resolve();
  };
  const wake = (): void => delivery.wake();
  if (signal !== undefined) onAbort(signal, wake);
  const ended = Promise.all(crew.map(work)).then(() => byKey?.end());
  if (byKey !== undefined) void pass(delivery, byKey, ended);
  try {
    await Promise.race([ended, abandoned.promise]);
  } finally {
    if (signal !== undefined) offAbort(signal, wake);
    delivery.onHang = undefined;
  }
  if (isFailed()) throw failures[0];
  signal?.throwIfAborted();
}

/** Tells the workers whatever the consumer has to tell. */
async function pass<Key, Value>(
  delivery: Delivery<Key, Value>,
  byKey: KeyRun<Key, Value>,
  ended: Promise<void>,
): Promise<void> {
  const isEnded = ended.then(() => true);
  while (!(await Promise.race([delivery.news().then(() => false), isEnded]))) byKey.wake();
}
