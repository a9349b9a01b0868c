/**
 * Who wants to know the outcome of the records of one batch, by the record's index in it: callbacks, awaited handles
 * and spans of a `sendBatch`. Records that nobody asks for cost nothing here.
 *
 * When a batch is split, what was known goes with each half, and questions that come later are passed on.
 */
import { assert, type Clock, type MillraceError } from '@millrace/base';
import type { Delivery } from './delivery.js';
import type { BatchSend } from './batch-send.js';
import type { DeliveryCallback } from './producer-record.js';

interface Observer {
  readonly index: number;
  readonly delivery: Delivery;
}

/** Records next to each other with the same callback: a program mostly has one, and an object per record would cost. */
interface CallbackRun {
  readonly index: number;
  readonly onDelivery: DeliveryCallback;
  recordCount: number;
}

interface Span {
  readonly index: number;
  /** Of its first record, among the records of the send. */
  readonly position: number;
  recordCount: number;
  readonly send: BatchSend;
}

export interface BatchOutcome {
  readonly error: MillraceError | undefined;
  /** -1 on error and with acks 0. */
  readonly baseOffset: number;
}

export class BatchDeliveries {
  readonly #topic: string;
  readonly #partition: number;
  #observers: Observer[] = [];
  #callbacks: CallbackRun[] = [];
  #spans: Span[] = [];
  #outcome: BatchOutcome | undefined;
  /** Set once the batch was split: its records from `#splitAt` on are in the second half. */
  #halves: readonly [BatchDeliveries, BatchDeliveries] | undefined;
  #splitAt = 0;

  constructor(topic: string, partition: number) {
    this.#topic = topic;
    this.#partition = partition;
  }

  /** Somebody awaits a record. */
  observe(delivery: Delivery, index: number): void {
    if (this.#halves !== undefined) {
      const second = index >= this.#splitAt;
      this.#halves[second ? 1 : 0].observe(delivery, second ? index - this.#splitAt : index);
    } else if (this.#outcome !== undefined) {
      this.#settle(delivery, index, this.#outcome);
    } else {
      this.#observers.push({ index, delivery });
    }
  }

  callback(onDelivery: DeliveryCallback, index: number): void {
    const last = this.#callbacks.at(-1);
    if (last?.onDelivery === onDelivery && last.index + last.recordCount === index) last.recordCount += 1;
    else this.#callbacks.push({ index, onDelivery, recordCount: 1 });
  }

  /** The record at `index` belongs to a `sendBatch`; called in order, so neighbours share one span. */
  span(send: BatchSend, index: number): void {
    this.#addToSpan(send, index, send.place());
  }

  /** Tells everyone. Returns how many of `recordCount` records nobody had asked for. */
  resolve(outcome: BatchOutcome, recordCount: number, clock: Pick<Clock, 'nextTurn'>): number {
    assert(this.#outcome === undefined && this.#halves === undefined, 'a batch has one outcome');
    this.#outcome = outcome;
    let unobserved = recordCount - this.#observers.length;
    for (const { delivery, index } of this.#observers) this.#settle(delivery, index, outcome);
    for (const run of this.#callbacks) {
      unobserved -= run.recordCount;
      this.#callAll(run, outcome, clock);
    }
    for (const span of this.#spans) {
      unobserved -= span.recordCount;
      const { error } = outcome;
      if (error !== undefined) span.send.failed(error, span.recordCount);
      else {
        const firstOffset = offsetAt(outcome, span.index);
        span.send.acknowledged(span.position, {
          topic: this.#topic,
          partition: this.#partition,
          firstOffset,
          lastOffset: firstOffset === -1 ? -1 : firstOffset + span.recordCount - 1,
          recordCount: span.recordCount,
        });
      }
    }
    this.#observers = [];
    this.#callbacks = [];
    this.#spans = [];
    return unobserved;
  }

  /** Hands everything over to the two halves; the second begins with the record at `splitAt`. */
  split(splitAt: number, first: BatchDeliveries, second: BatchDeliveries): void {
    assert(this.#outcome === undefined, 'a batch with an outcome is not split');
    this.#halves = [first, second];
    this.#splitAt = splitAt;
    for (const { delivery, index } of this.#observers) this.observe(delivery, index);
    for (const { onDelivery, index, recordCount } of this.#callbacks) {
      for (let at = index; at < index + recordCount; at++) {
        if (at < splitAt) first.callback(onDelivery, at);
        else second.callback(onDelivery, at - splitAt);
      }
    }
    for (const { index, position, recordCount, send } of this.#spans) {
      for (let i = 0; i < recordCount; i++) {
        if (index + i < splitAt) first.#addToSpan(send, index + i, position + i);
        else second.#addToSpan(send, index + i - splitAt, position + i);
      }
      // The halves expect anew; this span will never report.
      send.forget();
    }
    this.#observers = [];
    this.#callbacks = [];
    this.#spans = [];
  }

  #callAll(
    { onDelivery, index, recordCount }: CallbackRun,
    outcome: BatchOutcome,
    clock: Pick<Clock, 'nextTurn'>,
  ): void {
    for (let at = index; at < index + recordCount; at++) {
      try {
        onDelivery(outcome.error, this.#partition, offsetAt(outcome, at));
      } catch (error) {
        // A bug of the program, and to be seen as one; the other records must hear of their outcome all the same.
        clock.nextTurn(() => {
          throw error;
        });
      }
    }
  }

  #addToSpan(send: BatchSend, index: number, position: number): void {
    const last = this.#spans.at(-1);
    if (last?.send === send && last.index + last.recordCount === index) last.recordCount += 1;
    else {
      this.#spans.push({ index, position, recordCount: 1, send });
      send.expect();
    }
  }

  #settle(delivery: Delivery, index: number, outcome: BatchOutcome): void {
    if (outcome.error !== undefined) delivery.settle(outcome.error, undefined);
    else {
      delivery.settle(undefined, {
        topic: this.#topic,
        partition: this.#partition,
        offset: offsetAt(outcome, index),
      });
    }
  }
}

function offsetAt(outcome: BatchOutcome, index: number): number {
  return outcome.baseOffset === -1 ? -1 : outcome.baseOffset + index;
}
