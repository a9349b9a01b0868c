import { offAbort, onAbort } from '@millrace/base';
import type { DeadlineQueue, Expiring } from './deadline-queue.js';

export interface Limit {
  readonly deadlines: DeadlineQueue;
  /** Monotonic. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Waits for a promise, but no longer than the caller wants: rejects with the signal's reason, or with `onExpired()`
 * after the deadline. The promise itself goes on; its late result or error is dropped.
 */
export function withDeadline<Value>(promise: Promise<Value>, limit: Limit, onExpired: () => Error): Promise<Value> {
  const { deadlines, deadlineMs, signal } = limit;
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      deadlines.remove(entry);
      if (signal !== undefined) offAbort(signal, fromSignal);
    };
    const fail = (error: Error): void => {
      settle();
      reject(error);
    };
    const fromSignal = (): void => fail(signal?.reason as Error);
    const entry: Expiring = { deadlineMs, expire: () => fail(onExpired()) };

    promise.then((value) => {
      settle();
      resolve(value);
    }, fail);
    if (signal?.aborted === true) {
      fromSignal();
      return;
    }
    deadlines.add(entry);
    if (signal !== undefined) onAbort(signal, fromSignal);
  });
}
