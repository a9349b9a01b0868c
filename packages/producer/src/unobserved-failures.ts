/**
 * Failures of records that nobody awaited and that had no callback. They go to `onError` at once, or wait here for the
 * next `flush` or `close`, which throws the first.
 */
import { MillraceError } from '@millrace/base';
import type { UnobservedFailure } from './producer-options.js';

export class UnobservedFailures {
  readonly #onError: ((error: MillraceError, failure: UnobservedFailure) => void) | undefined;
  #recordCount = 0;
  /** Since the last throw. */
  #pendingCount = 0;
  #firstError: MillraceError | undefined;

  constructor(onError: ((error: MillraceError, failure: UnobservedFailure) => void) | undefined) {
    this.#onError = onError;
  }

  /** Records, since the start. */
  get recordCount(): number {
    return this.#recordCount;
  }

  add(error: MillraceError, failure: UnobservedFailure): void {
    this.#recordCount += failure.recordCount;
    if (this.#onError !== undefined) {
      this.#onError(error, failure);
      return;
    }
    this.#pendingCount += failure.recordCount;
    this.#firstError ??= error;
  }

  throwIfAny(): void {
    const first = this.#firstError;
    if (first === undefined) return;
    const message = `${this.#pendingCount} records failed that nobody awaited: ${first.message}`;
    this.#pendingCount = 0;
    this.#firstError = undefined;
    throw new MillraceError(first.code, message, { retriable: first.retriable, cause: first });
  }
}
