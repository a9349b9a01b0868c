/**
 * What one producer id has written to one partition: its epoch, and the last five batches of that epoch.
 *
 * Five, because a producer may have that many requests in flight: each of them may be sent again, and must then be
 * answered with the offsets it got the first time.
 *
 * A transaction writes in one epoch, and its marker raises it: what comes late of an ended transaction is refused by its
 * epoch, and a marker that is sent again is known by having the epoch that it set.
 *
 * Sequence numbers count records per producer epoch and partition, and go from 2^31-1 back to 0.
 */
import { assert } from '@millrace/base';
import type { TransactionMarker } from '@millrace/record';
import type { ProducerBatch } from './producer-batch.js';

export const batchesRemembered = 5;

const sequenceModulus = 2 ** 31;

export interface RememberedBatch {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly lastOffset: number;
  /** The batch's largest timestamp, which is the log-append time where the topic uses that. */
  readonly timestampMs: number;
}

export class ProducerEntry {
  readonly producerId: number;
  /** Never falls. */
  epoch: number;
  /** The broker's clock when this producer last wrote here, marks of its transactions included. */
  lastActivityMs: number;
  /** Oldest first; all of `epoch`. */
  readonly batches: RememberedBatch[] = [];
  /** Of the newest marker: one of an older coordinator is refused. -1 before the first. */
  coordinatorEpoch = -1;
  /** Where the newest marker lies; -1 before the first. */
  markerOffset = -1;

  constructor(producerId: number, epoch: number, lastActivityMs: number) {
    this.producerId = producerId;
    this.epoch = epoch;
    this.lastActivityMs = lastActivityMs;
  }

  /** As it is now; the remembered batches themselves never change. */
  copy(): ProducerEntry {
    const copy = new ProducerEntry(this.producerId, this.epoch, this.lastActivityMs);
    copy.batches.push(...this.batches);
    copy.coordinatorEpoch = this.coordinatorEpoch;
    copy.markerOffset = this.markerOffset;
    return copy;
  }

  /** The sequence number that the next batch of this epoch begins with. */
  get nextSequence(): number {
    const last = this.batches.at(-1);
    return last === undefined ? 0 : (last.lastSequence + 1) % sequenceModulus;
  }

  /** The remembered batch with exactly these sequence numbers. */
  find(firstSequence: number, lastSequence: number): RememberedBatch | undefined {
    for (const batch of this.batches) {
      if (batch.firstSequence === firstSequence && batch.lastSequence === lastSequence) return batch;
    }
    return undefined;
  }

  /** Whether these sequence numbers lie wholly before all that is remembered: appended once, and since forgotten. */
  isForgotten(firstSequence: number, lastSequence: number): boolean {
    const oldest = this.batches[0];
    if (oldest === undefined) return false;
    return (
      isBefore(lastSequence, oldest.firstSequence) &&
      sequenceDistance(firstSequence, lastSequence) < sequenceModulus / 2
    );
  }

  applyMarker(batch: ProducerBatch, marker: TransactionMarker, nowMs: number): void {
    this.apply(batch, nowMs);
    this.coordinatorEpoch = Math.max(this.coordinatorEpoch, marker.coordinatorEpoch);
    this.markerOffset = batch.lastOffset;
  }

  apply(batch: ProducerBatch, nowMs: number): void {
    assert(batch.producerEpoch >= this.epoch, `producer ${this.producerId} went back to epoch ${batch.producerEpoch}`);
    if (batch.producerEpoch > this.epoch) {
      this.epoch = batch.producerEpoch;
      this.batches.length = 0;
    }
    this.lastActivityMs = Math.max(this.lastActivityMs, nowMs);
    if (batch.isControl || batch.baseSequence < 0) return;
    if (this.batches.length === batchesRemembered) this.batches.shift();
    this.batches.push({
      firstSequence: batch.baseSequence,
      lastSequence: batch.lastSequence,
      lastOffset: batch.lastOffset,
      timestampMs: batch.maxTimestamp,
    });
  }
}

/** How many sequence numbers lie from one to the other, going forward and round. */
export function sequenceDistance(from: number, to: number): number {
  return (to - from + sequenceModulus) % sequenceModulus;
}

/** Before by less than half the circle: further away nothing can be told apart, and nothing real is. */
function isBefore(one: number, other: number): boolean {
  const distance = sequenceDistance(one, other);
  return distance > 0 && distance < sequenceModulus / 2;
}
