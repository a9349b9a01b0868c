import type { MillraceError } from '@millrace/base';
import type { RecordHeaders } from '@millrace/record';
import { BatchSend } from './batch-send.js';
import { Delivery } from './delivery.js';
import type { Generation } from './flush-tracker.js';
import type { ProducerBatch } from './producer-batch.js';
import type { Bytes, DeliveryCallback } from './producer-record.js';

/** Who is told of a record's outcome: a handle, a callback, the `sendBatch` it belongs to, or nobody. */
export type Sink = Delivery | DeliveryCallback | BatchSend | undefined;

/** An accepted record that cannot be encoded yet, because its topic is not known. */
export interface WaitingRecord {
  readonly key: Bytes;
  readonly value: Bytes;
  readonly headers: RecordHeaders | undefined;
  readonly partition: number | undefined;
  readonly timestampMs: number;
  readonly sink: Sink;
  /** What is counted against the bound on memory meanwhile. */
  readonly sizeBytes: number;
  readonly deadlineMs: number;
  readonly generation: Generation;
}

/** What a record that is kept as an object costs beside its key and value, roughly. */
export const waitingOverheadBytes = 100;

/** What a record that has not been looked at yet takes, roughly. */
export function waitingBytes({ key, value }: { readonly key?: unknown; readonly value: unknown }): number {
  return waitingOverheadBytes + lengthOf(key) + lengthOf(value);
}

function lengthOf(field: unknown): number {
  return typeof field === 'string' || field instanceof Uint8Array ? field.length : 0;
}

/** The record is the last one of `batch`, whose outcome becomes its own. */
export function placeSink(sink: Sink, batch: ProducerBatch): void {
  if (sink === undefined) return;
  const index = batch.recordCount - 1;
  if (sink instanceof Delivery) sink.place(batch, index);
  else if (sink instanceof BatchSend) batch.deliveries.span(sink, index);
  else batch.deliveries.callback(sink, index);
}

/** The record failed before it had a batch. Returns whether somebody was told. */
export function failSink(sink: Sink, error: MillraceError): boolean {
  if (sink === undefined) return false;
  if (sink instanceof Delivery) {
    sink.fail(error);
    return sink.observed;
  }
  if (sink instanceof BatchSend) sink.failed(error, 1);
  else sink(error, -1, -1);
  return true;
}
