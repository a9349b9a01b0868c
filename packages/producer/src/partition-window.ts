/**
 * The idempotent (or plain) window of one partition: batches that were given to the sender and have no outcome yet, in
 * the order in which they must end up in the log. Pure: no I/O, no clock.
 *
 *     source (accumulator)          #batches, by sequence                          resolved
 *     ... ─ ready ─ ready ─ peek ─▶ [ oldest .. in flight | waiting | in flight ] ─▶ acknowledged or failed
 *
 * Order is kept by the broker: it takes a batch only when its sequence follows the last one it has, and knows the last
 * five again. So up to five batches may be in flight, each batch is sent again under the *same* numbers, and one whose
 * predecessor went missing is refused (OUT_OF_ORDER_SEQUENCE_NUMBER) and simply waits its turn.
 *
 * The hard case is a batch that fails for good after it got its number: a gap, which the broker will never let anything
 * pass. Then the batches behind it need new numbers under a higher epoch, which also shuts out late copies of older
 * requests. A batch may be renumbered only if it is known not to be in the log, or it could be there twice:
 *
 *     k     sent, deadline passed without an answer          → failed, #gap
 *     k+1   refused each time as out of order                → renumbered: it is not in the log
 *     k+2   sent, connection broke, never answered           → tried under its old number when it is the oldest;
 *                                                              if refused even then, it fails: nobody can know
 *
 * Without idempotence there are no numbers and one batch is in flight at a time.
 *
 * In a transaction nothing is renumbered: a batch that fails ends the transaction, and the next one has another epoch,
 * which the window takes when nothing of the earlier one is left (`renew`).
 *
 * Invariants: #batches has at most `maxInFlight` entries plus what splits added, and only the first `maxInFlight` are
 * ever sent; sequences in it ascend without a gap except at its front; requests in flight all went to one node.
 */
import { assert } from '@millrace/base';
import type { ProducerBatch } from './producer-batch.js';
import { maxProducerEpoch, sequenceAfter } from './sequence.js';

/** Where batches come from that have not been sent yet: oldest first. */
export interface BatchSource {
  /** The next batch, if it may leave now; it stays, and may still grow, until taken. */
  peek(nowMs: number): ProducerBatch | undefined;
  /** The oldest batch, ready or not. */
  oldest(): ProducerBatch | undefined;
  /** Removes the oldest batch, which there must be; it grows no more. */
  take(): ProducerBatch;
  /** When the oldest batch will be ready; Infinity when there is none. */
  readyAtMs(): number;
}

export interface ProducerIdentity {
  readonly producerId: number;
  readonly producerEpoch: number;
}

export interface WindowOptions {
  readonly idempotent: boolean;
  readonly transactional: boolean;
  readonly maxInFlight: number;
}

export class PartitionWindow {
  readonly topic: string;
  readonly partition: number;
  readonly source: BatchSource;
  readonly #options: WindowOptions;
  /** Taken from the source and unresolved, oldest first. */
  #batches: ProducerBatch[] = [];
  /** Numbers under which the next batches go; -1 until the window has an identity. */
  #producerId = -1;
  #producerEpoch = -1;
  #nextSequence = 0;
  /** An id this partition can use no more: the next identity must be another one. */
  #spentProducerId = -1;
  /** A numbered batch failed: what follows cannot pass under the present epoch. */
  #gap = false;
  /** The topic was created again: what is here goes into a new, empty log. */
  #startsOver = false;
  /** Requests that carry a batch of this partition and have not settled, and where they went. */
  #inFlight = 0;
  #node = -1;
  /** A transaction has begun, and something of an earlier one is still on its way. */
  #isOutdated = false;
  /** Nothing is sent before this moment. */
  #retryAtMs = 0;
  #failures = 0;
  /** Whether the core has it on its list of partitions to look at. Moved by the core. */
  isActive = false;

  constructor(topic: string, partition: number, source: BatchSource, options: WindowOptions) {
    this.topic = topic;
    this.partition = partition;
    this.source = source;
    this.#options = options;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get isIdle(): boolean {
    return this.#batches.length === 0 && this.#inFlight === 0 && this.source.oldest() === undefined;
  }

  /** Whether nothing here lacks its outcome. */
  get isEmpty(): boolean {
    return this.#batches.length === 0 && this.source.oldest() === undefined;
  }

  get unresolved(): readonly ProducerBatch[] {
    return this.#batches;
  }

  get needsIdentity(): boolean {
    return this.#options.idempotent && this.#producerId === -1;
  }

  /** Whether `identity` is one that this partition has not used up. */
  accepts(identity: ProducerIdentity): boolean {
    return identity.producerId !== this.#spentProducerId;
  }

  adopt(identity: ProducerIdentity): void {
    assert(this.needsIdentity && this.accepts(identity), 'an identity is adopted when one is missing');
    this.#producerId = identity.producerId;
    this.#producerEpoch = identity.producerEpoch;
    this.#nextSequence = 0;
    for (const batch of this.#batches) this.#number(batch);
  }

  /** The next batch to send to `node`, or undefined. Changes nothing; `send` does. */
  next(node: number, nowMs: number): ProducerBatch | undefined {
    if (this.#startsOver || this.#isOutdated || nowMs < this.#retryAtMs) return undefined;
    // What is in flight to a former leader must settle first: on one connection order holds, over two it does not.
    if (this.#inFlight > 0 && (this.#node !== node || this.#gap)) return undefined;
    if (this.needsIdentity) return undefined;
    const limit = this.#options.idempotent ? this.#options.maxInFlight : 1;
    const first = Math.min(this.#batches.length, this.#gap ? 1 : limit);
    for (let index = 0; index < first; index++) {
      const batch = this.#batches[index] as ProducerBatch;
      if (!batch.inFlight) return batch;
    }
    if (this.#batches.length >= limit || this.#gap || this.#inFlight >= limit) return undefined;
    return this.source.peek(nowMs);
  }

  /** Marks what `next` returned as sent. */
  send(batch: ProducerBatch, node: number): void {
    if (!this.#batches.includes(batch)) {
      const taken = this.source.take();
      assert(taken === batch, 'the batch that was peeked is taken');
      if (this.#options.idempotent) this.#number(batch);
      this.#batches.push(batch);
    }
    batch.inFlight = true;
    batch.attempts += 1;
    batch.sentAsOldest = this.#batches[0] === batch;
    this.#node = node;
    this.#inFlight += 1;
  }

  /** The request that carried `batch` has settled. To be called before any of the below. */
  settle(batch: ProducerBatch): void {
    assert(this.#inFlight > 0 && batch.inFlight, 'what settles was in flight');
    batch.inFlight = false;
    this.#inFlight -= 1;
  }

  /** The batch has its outcome and leaves. `failed`: its number will never be in the log. */
  remove(batch: ProducerBatch, failed: boolean): void {
    const index = this.#batches.indexOf(batch);
    assert(index !== -1, 'only a batch of the window leaves it');
    this.#batches.splice(index, 1);
    batch.resolved = true;
    if (failed) {
      if (batch.producerId !== -1) this.#gap = true;
    } else {
      this.#failures = 0;
      this.#retryAtMs = 0;
    }
  }

  /** Puts the halves of a batch that was too large in its place, under its numbers. */
  replace(batch: ProducerBatch, halves: readonly [ProducerBatch, ProducerBatch]): void {
    const index = this.#batches.indexOf(batch);
    assert(index !== -1 && !batch.outcomeUnknown, 'only a refused batch of the window is split');
    assert(halves[0].recordCount + halves[1].recordCount === batch.recordCount, 'halves hold what the whole held');
    this.#batches.splice(index, 1, ...halves);
    batch.resolved = true;
    if (batch.producerId === -1) return;
    let sequence = batch.baseSequence;
    for (const half of halves) {
      half.renumber(batch.producerId, batch.producerEpoch, sequence);
      sequence = sequenceAfter(sequence, half.recordCount);
    }
  }

  /** Holds the partition back after a failure. Failures while it is held back belong to the same trouble: one wait. */
  backOff(nowMs: number, waitMs: (failures: number) => number): void {
    if (nowMs < this.#retryAtMs) return;
    this.#failures += 1;
    this.#retryAtMs = nowMs + waitMs(this.#failures);
  }

  /** The oldest batch was refused although nothing is missing before it but what failed: new numbers are needed. */
  markGap(): void {
    this.#gap = true;
  }

  /** The broker does not take this producer id and epoch any more. Of several refusals only the first has news. */
  loseIdentity(producerId: number, producerEpoch: number): void {
    if (producerId !== this.#producerId || producerEpoch !== this.#producerEpoch) return;
    this.#spentProducerId = this.#producerId;
    this.#gap = true;
  }

  /**
   * The topic was deleted, and created again under its name. What may have been written is gone with the old log, and
   * late copies of old requests name the old topic id: everything here may be numbered anew.
   */
  startOver(): void {
    this.#startsOver = true;
    this.#gap = this.#gap || this.#producerId !== -1;
  }

  /**
   * Closes the gap when nothing is in flight and the oldest batch may be renumbered. Returns the batches that had to
   * be given up for it, and whether the epoch went up.
   */
  closeGap(): { readonly bumped: boolean; readonly givenUp: readonly ProducerBatch[] } {
    if (this.#inFlight > 0) return nothingClosed;
    if (this.#startsOver) for (const batch of this.#batches) batch.outcomeUnknown = false;
    this.#startsOver = false;
    if (!this.#gap) return nothingClosed;
    const lost = this.#spentProducerId === this.#producerId && this.#producerId !== -1;
    const oldest = this.#batches[0];
    // An oldest batch of unknown fate gets its chance under its old number first: `next` sends it alone.
    if (oldest?.outcomeUnknown === true && !lost) return nothingClosed;
    const givenUp = this.#batches.filter((batch) => batch.outcomeUnknown);
    this.#batches = this.#batches.filter((batch) => !batch.outcomeUnknown);
    for (const batch of givenUp) batch.resolved = true;
    this.#gap = false;
    this.#nextSequence = 0;
    if (lost || this.#producerEpoch >= maxProducerEpoch) {
      this.#spentProducerId = this.#producerId;
      this.#producerId = -1;
      return { bumped: false, givenUp };
    }
    this.#producerEpoch += 1;
    for (const batch of this.#batches) this.#number(batch);
    return { bumped: true, givenUp };
  }

  /** Of a transaction: what is here cannot be written under its numbers any more. */
  get isBroken(): boolean {
    return this.#batches.length > 0 && (this.#gap || this.#startsOver);
  }

  /** Takes the identity of the present transaction, unless something of an earlier one is still on its way. */
  renew(identity: ProducerIdentity): void {
    const { producerId, producerEpoch } = identity;
    const isNew = producerId !== this.#producerId || producerEpoch !== this.#producerEpoch;
    if (!isNew && !this.#startsOver) return;
    this.#isOutdated = isNew && (this.#batches.length > 0 || this.#inFlight > 0);
    if (this.#batches.length > 0 || this.#inFlight > 0) return;
    this.#producerId = producerId;
    this.#producerEpoch = producerEpoch;
    this.#nextSequence = 0;
    this.#gap = false;
    this.#startsOver = false;
    this.#retryAtMs = 0;
    this.#failures = 0;
  }

  /** When to look again: a batch gets ready, a retry is due, a deadline passes. Infinity: when something else happens. */
  nextEventMs(nowMs: number): number {
    const oldest = this.#batches[0] ?? this.source.oldest();
    if (oldest === undefined) return Infinity;
    if (this.#startsOver && this.#inFlight === 0) return nowMs;
    let at = oldest.deadlineMs;
    if (this.#retryAtMs > nowMs) at = Math.min(at, this.#retryAtMs);
    const readyAt = this.source.readyAtMs();
    if (readyAt > nowMs) at = Math.min(at, readyAt);
    return at;
  }

  #number(batch: ProducerBatch): void {
    batch.renumber(this.#producerId, this.#producerEpoch, this.#nextSequence);
    this.#nextSequence = sequenceAfter(this.#nextSequence, batch.recordCount);
  }
}

const nothingClosed: { readonly bumped: boolean; readonly givenUp: readonly ProducerBatch[] } = {
  bumped: false,
  givenUp: [],
};
