/**
 * What `send` returns: a handle on one record that becomes a promise only when somebody looks.
 *
 * A promise for each record halves the throughput of a producer and feeds the garbage collector; most programs never
 * look at most of them. So the handle is two fields, and `then` makes the promise. A failure that nobody looked at is
 * counted by the producer, told to `onError` and thrown by the next `flush` or `close`: it cannot vanish.
 *
 *     waiting ──place()──▶ placed in a batch ──▶ outcome known there
 *        └──fail()──▶ failed before it had a batch
 */
import { assert, type MillraceError } from '@millrace/base';
import type { ProducerBatch } from './producer-batch.js';
import type { RecordMetadata } from './producer-record.js';

export class Delivery implements PromiseLike<RecordMetadata> {
  #batch: ProducerBatch | undefined;
  #index = 0;
  #error: MillraceError | undefined;
  #promise: Promise<RecordMetadata> | undefined;
  #resolve: ((metadata: RecordMetadata) => void) | undefined;
  #reject: ((error: MillraceError) => void) | undefined;

  then<Result = RecordMetadata, Failure = never>(
    onFulfilled?: ((metadata: RecordMetadata) => Result | PromiseLike<Result>) | null,
    onRejected?: ((error: unknown) => Failure | PromiseLike<Failure>) | null,
  ): Promise<Result | Failure> {
    return this.#observe().then(onFulfilled, onRejected);
  }

  catch<Failure = never>(
    onRejected?: ((error: unknown) => Failure | PromiseLike<Failure>) | null,
  ): Promise<RecordMetadata | Failure> {
    return this.#observe().catch(onRejected);
  }

  finally(onFinally?: (() => void) | null): Promise<RecordMetadata> {
    return this.#observe().finally(onFinally);
  }

  /** Whether somebody waits for the outcome. */
  get observed(): boolean {
    return this.#promise !== undefined;
  }

  /** The record has gone into a batch: its outcome is now that batch's. Internal to the producer. */
  place(batch: ProducerBatch, index: number): void {
    assert(this.#batch === undefined && this.#error === undefined, 'a record is placed once');
    this.#batch = batch;
    this.#index = index;
    if (this.observed) batch.deliveries.observe(this, index);
  }

  /** The record failed before it had a batch. Internal to the producer. */
  fail(error: MillraceError): void {
    assert(this.#batch === undefined, 'a record in a batch fails with the batch');
    this.#error = error;
    this.#reject?.(error);
  }

  /** The batch has its outcome. Called by the batch, for observed deliveries only. */
  settle(error: MillraceError | undefined, metadata: RecordMetadata | undefined): void {
    if (metadata !== undefined) this.#resolve?.(metadata);
    else if (error !== undefined) this.#reject?.(error);
  }

  #observe(): Promise<RecordMetadata> {
    if (this.#promise !== undefined) return this.#promise;
    this.#promise = new Promise<RecordMetadata>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (this.#error !== undefined) this.#reject?.(this.#error);
    else this.#batch?.deliveries.observe(this, this.#index);
    return this.#promise;
  }
}
