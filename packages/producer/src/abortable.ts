import { offAbort, onAbort } from '@millrace/base';

/** A wait that a signal ends early; what is waited for goes on. */
export function abortable<Value>(promise: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) {
      abort();
      return;
    }
    onAbort(signal, abort);
    void promise.then(resolve, reject).finally(() => offAbort(signal, abort));
  });
}
