/**
 * One `sendBatch` on its way: its records lie in a few batches, each of which reports once.
 *
 *     records accepted so far ──▶ expected spans ──▶ runs acknowledged or failed ──▶ one promise settled
 */
import { completion, MillraceError, type Completion } from '@millrace/base';
import type { RecordRun, SendBatchResult } from './producer-record.js';

export class BatchSend {
  readonly #completion: Completion<SendBatchResult> = completion<SendBatchResult>();
  /** As they were acknowledged; `position` is that of the first record among all of this send. */
  readonly #runs: { readonly position: number; readonly run: RecordRun }[] = [];
  #placed = 0;
  #expected = 0;
  #isComplete = false;
  #failedCount = 0;
  #acknowledgedCount = 0;
  #firstError: MillraceError | undefined;

  get promise(): Promise<SendBatchResult> {
    return this.#completion.promise;
  }

  /** The next record has its place in a batch: returns which one it is. */
  place(): number {
    this.#placed += 1;
    return this.#placed - 1;
  }

  expect(): void {
    this.#expected += 1;
  }

  forget(): void {
    this.#expected -= 1;
  }

  acknowledged(position: number, run: RecordRun): void {
    this.#runs.push({ position, run });
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
    if (first === undefined) this.#completion.resolve({ results: this.#results() });
    else if (this.#acknowledgedCount === 0) this.#completion.reject(first);
    else {
      const total = this.#acknowledgedCount + this.#failedCount;
      const message = `${this.#failedCount} of ${total} records failed, ${this.#acknowledgedCount} were acknowledged: ${first.message}`;
      this.#completion.reject(new MillraceError(first.code, message, { retriable: first.retriable, cause: first }));
    }
  }

  /** In the order of the records: batches that are in flight together may be acknowledged in any order. */
  #results(): RecordRun[] {
    return this.#runs.sort((a, b) => a.position - b.position).map(({ run }) => run);
  }
}
