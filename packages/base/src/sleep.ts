import type { Clock } from './environment/clock.js';
import { offAbort, onAbort } from './on-abort.js';

/** Resolves after `delayMs`; rejects with the signal's reason as soon as the signal aborts, and leaves no timer behind. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      timer.cancel();
      reject(signal?.reason as Error);
    };
    if (signal?.aborted === true) {
      reject(signal.reason as Error);
      return;
    }
    const timer = clock.schedule(delayMs, () => {
      if (signal !== undefined) offAbort(signal, abort);
      resolve();
    });
    if (signal !== undefined) onAbort(signal, abort);
  });
}
