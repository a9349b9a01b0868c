/**
 * One `sendBatch` on its way: its records lie in a few batches, each of which reports once.
 *
 *     records accepted so far ──▶ expected spans ──▶ runs acknowledged or failed ──▶ one promise settled
 */
import { completion, MillraceError, type Completion } from '@millrace/base';
import type { RecordRun, SendBatchResult } from './producer-record.js';

export class BatchSend {
  readonly #completion: Completion<SendBatchResult> = completion<SendBatchResult>();
  readonly #runs: RecordRun[] = [];
  #expected = 0;
  #isComplete = false;
  #failedCount = 0;
  #acknowledgedCount = 0;
  #firstError: MillraceError | undefined;

  get promise(): Promise<SendBatchResult> {
    return this.#completion.promise;
  }

  expect(): void {
    this.#expected += 1;
  }

  forget(): void {
    this.#expected -= 1;
  }

  acknowledged(run: RecordRun): void {
    this.#runs.push(run);
    this.#acknowledgedCount += run.recordCount;
    this.#expected -= 1;
    this.#settleWhenDone();
  }

  failed(error: MillraceError, recordCount: number): void {
    this.#failedCount += recordCount;
    this.#firstError ??= error;
    this.#expected -= 1;
    this.#settleWhenDone();
  }

  /** The rest was never accepted. */
  refused(error: MillraceError, recordCount: number): void {
    this.#failedCount += recordCount;
    this.#firstError ??= error;
  }

  /** No more records will come. */
  complete(): void {
    this.#isComplete = true;
    this.#settleWhenDone();
  }

  #settleWhenDone(): void {
    if (!this.#isComplete || this.#expected > 0) return;
    const first = this.#firstError;
    if (first === undefined) this.#completion.resolve({ results: this.#runs });
    else if (this.#acknowledgedCount === 0) this.#completion.reject(first);
    else {
      const total = this.#acknowledgedCount + this.#failedCount;
      const message = `${this.#failedCount} of ${total} records failed, ${this.#acknowledgedCount} were acknowledged: ${first.message}`;
      this.#completion.reject(new MillraceError(first.code, message, { retriable: first.retriable, cause: first }));
    }
  }
}
