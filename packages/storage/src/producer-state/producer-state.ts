/**
 * What a partition knows of its idempotent producers, so that a batch that is sent again is not appended again.
 *
 * A batch of a known producer and epoch must begin where the last one ended. One of a new epoch must begin at 0
 * (KIP-360), and so must one of a producer that is not known here: state that was lost, or forgotten after
 * `expirationMs`, is told to the producer (`UNKNOWN_PRODUCER_ID`) and never silently begun anew, for the batches it
 * sends again may be in the log. It answers by taking a new epoch.
 *
 * A marker ends the producer's transaction here and sets an epoch above that of its records. One that was written
 * before, which shows by its epoch, is a duplicate: the coordinator sends markers again until it hears of them.
 *
 * The state is derived from the log: `loadSnapshot` plus `apply` of every later batch gives the state at the end.
 * Producers expire by the broker's clock, never by the timestamps of their records: a producer that sends old data is
 * not an old producer. Only silence that this process lived through counts: a wall clock that leaps, now or while nothing
 * ran, would make it forget a producer whose batch is on its way a second time. After a replay, of which the log keeps no
 * broker time, a producer counts as just active.
 *
 * Invariant: `endOffset` is the offset after the last applied batch, and the state is that of all batches below it.
 */
import { assert, MillraceError } from '@millrace/base';
import type { TransactionMarker } from '@millrace/record';
import { PartitionTransactions } from './partition-transactions.js';
import type { AppendOrigin, ProducerBatch } from './producer-batch.js';
import { ProducerEntry, sequenceDistance } from './producer-entry.js';
import type { ProducerSnapshot } from './producer-snapshot.js';

export interface ProducerStateOptions {
  /** For messages: `orders-3`. */
  readonly partitionName: string;
  readonly expirationMs: number;
  /** Beyond this many producers the ones that were silent longest are forgotten before their time. */
  readonly maxProducers?: number;
}

/** Some 20 MB in the worst case. */
const defaultMaxProducers = 50_000;

/** The offsets a batch got when it was appended the first time. */
export interface DuplicateBatch {
  readonly kind: 'duplicate';
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly maxTimestamp: number;
}

/** What a partition knows of one producer. */
export interface ProducerDescription {
  readonly producerId: number;
  readonly producerEpoch: number;
  /** -1 when it has written nothing in this epoch. */
  readonly lastSequence: number;
  /** The broker's clock. */
  readonly lastActivityMs: number;
  /** Of its newest marker here; -1 when there is none. */
  readonly coordinatorEpoch: number;
  /** -1 when no transaction is open. */
  readonly transactionStartOffset: number;
}

/** The same moment by both clocks: the wall's may leap. */
interface Moment {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

export type ProducerCheck = { readonly kind: 'append' } | DuplicateBatch;

const append: ProducerCheck = { kind: 'append' };

export class ProducerState {
  readonly transactions = new PartitionTransactions();
  readonly #partitionName: string;
  readonly #maxProducers: number;
  readonly #entries = new Map<number, ProducerEntry>();
  #expirationMs: number;
  /** When producers were last looked for that were silent; undefined: not in this process yet. */
  #expiredAt: Moment | undefined;
  #endOffset = 0;
  #leaderEpoch = -1;

  constructor(options: ProducerStateOptions) {
    this.#partitionName = options.partitionName;
    this.#expirationMs = options.expirationMs;
    this.#maxProducers = options.maxProducers ?? defaultMaxProducers;
  }

  get producerCount(): number {
    return this.#entries.size;
  }

  get endOffset(): number {
    return this.#endOffset;
  }

  setExpirationMs(expirationMs: number): void {
    this.#expirationMs = expirationMs;
  }

  /**
   * Whether a batch is to be appended, or was before; `marker` is what a control batch says. Throws what a producer must know; changes nothing. An append of
   * several batches of one producer must check and apply them one by one.
   */
  check(batch: ProducerBatch, origin: AppendOrigin, marker?: TransactionMarker): ProducerCheck {
    if (batch.producerId < 0 || origin === 'replica') return append;
    const entry = this.#entries.get(batch.producerId);
    if (marker !== undefined) return this.#checkMarker(batch, marker, entry);
    if (entry !== undefined && batch.producerEpoch < entry.epoch) throw this.#fenced(batch, entry);
    if (origin === 'coordinator' || batch.isControl) return append;
    this.#requireSameTransaction(batch, entry);
    if (entry === undefined) {
      if (batch.baseSequence !== 0) throw this.#unknownProducer(batch);
      return append;
    }
    if (batch.producerEpoch > entry.epoch) {
      if (batch.baseSequence !== 0) throw this.#outOfOrder(batch, 'a new epoch begins at sequence 0');
      return append;
    }
    const duplicate = entry.find(batch.baseSequence, batch.lastSequence);
    if (duplicate !== undefined) {
      const { firstSequence, lastSequence, lastOffset, timestampMs } = duplicate;
      const baseOffset = lastOffset - sequenceDistance(firstSequence, lastSequence);
      return { kind: 'duplicate', baseOffset, lastOffset, maxTimestamp: timestampMs };
    }
    if (batch.baseSequence !== entry.nextSequence) throw this.#gap(batch, entry);
    return append;
  }

  /**
   * Notes a batch that was appended, or is replayed, at its offsets; `nowMs` is the broker's wall clock, `marker` what
   * a control batch says.
   */
  apply(batch: ProducerBatch, nowMs: number, marker?: TransactionMarker): void {
    assert(
      batch.baseOffset >= this.#endOffset,
      `batch ${batch.baseOffset} is below ${this.#endOffset}, applied before`,
    );
    this.#endOffset = batch.lastOffset + 1;
    this.#leaderEpoch = batch.leaderEpoch;
    if (batch.producerId < 0) return;
    let entry = this.#entries.get(batch.producerId);
    if (entry === undefined) {
      if (this.#entries.size >= this.#maxProducers) this.#forgetSilent();
      entry = new ProducerEntry(batch.producerId, batch.producerEpoch, nowMs);
      this.#entries.set(batch.producerId, entry);
    }
    if (marker !== undefined) {
      entry.applyMarker(batch, marker, nowMs);
      this.transactions.end(batch.producerId, batch.lastOffset, marker.kind);
    } else {
      entry.apply(batch, nowMs);
      if (batch.isTransactional) this.transactions.note(batch.producerId, batch.baseOffset);
    }
  }

  /** Whether a record of this producer and epoch goes on with a transaction that is open here. */
  isInTransaction(producerId: number, producerEpoch: number): boolean {
    return this.transactions.isOpen(producerId) && this.#entries.get(producerId)?.epoch === producerEpoch;
  }

  /** What is known of each producer, as it is now. */
  producers(): ProducerDescription[] {
    return Array.from(this.#entries.values(), (entry) => ({
      producerId: entry.producerId,
      producerEpoch: entry.epoch,
      lastSequence: entry.batches.at(-1)?.lastSequence ?? -1,
      lastActivityMs: entry.lastActivityMs,
      coordinatorEpoch: entry.coordinatorEpoch,
      transactionStartOffset: this.transactions.firstOffsetOf(entry.producerId) ?? -1,
    }));
  }

  /** Forgets producers that were silent for too long, unless a transaction is open; returns how many. */
  expire(now: Moment): number {
    this.#leaveOutLeaps(now);
    const nowMs = now.wallMs;
    const before = this.#entries.size;
    for (const entry of this.#entries.values()) {
      const isSilent = nowMs - entry.lastActivityMs > this.#expirationMs;
      if (isSilent && !this.transactions.isOpen(entry.producerId)) this.#entries.delete(entry.producerId);
    }
    return before - this.#entries.size;
  }

  /** The last offset of the newest batch of a producer; undefined when it is not known. */
  lastOffsetOf(producerId: number): number | undefined {
    return this.#entries.get(producerId)?.batches.at(-1)?.lastOffset;
  }

  /** The state now, which is that at `endOffset`, and stays as it is. */
  snapshot(): ProducerSnapshot {
    const entries = Array.from(this.#entries.values(), (entry) => entry.copy());
    const transactions = this.transactions.snapshot();
    return { offset: this.#endOffset, leaderEpoch: this.#leaderEpoch, entries, transactions };
  }

  /** Starts anew from a snapshot; the batches from its offset on are to be applied next. */
  loadSnapshot(snapshot: ProducerSnapshot): void {
    this.clear(snapshot.offset);
    this.#leaderEpoch = snapshot.leaderEpoch;
    for (const entry of snapshot.entries) this.#entries.set(entry.producerId, entry.copy());
    this.transactions.load(snapshot.transactions);
  }

  /** Starts anew with nothing; the batches from `endOffset` on are to be applied next. */
  clear(endOffset: number): void {
    this.#entries.clear();
    this.transactions.clear();
    this.#endOffset = endOffset;
    this.#leaderEpoch = -1;
  }

  /** Moves the time of each producer's last sign on by what the wall clock ran ahead: more is on the safe side. */
  #leaveOutLeaps(now: Moment): void {
    const last = this.#expiredAt;
    this.#expiredAt = now;
    const aheadMs = last === undefined ? Infinity : now.wallMs - last.wallMs - (now.monotonicMs - last.monotonicMs);
    // The monotonic clock has fractions, and times of producers go over the wire and into snapshots.
    const leapMs = Math.max(0, Math.ceil(aheadMs));
    for (const entry of this.#entries.values()) {
      entry.lastActivityMs = Math.min(now.wallMs, entry.lastActivityMs + leapMs);
    }
  }

  /** Makes room for a sixteenth at a time: finding the silent ones looks at all. */
  #forgetSilent(): void {
    const idle = [...this.#entries.values()].filter(({ producerId }) => !this.transactions.isOpen(producerId));
    const bySilence = idle.sort((a, b) => a.lastActivityMs - b.lastActivityMs);
    const count = Math.ceil(this.#maxProducers / 16);
    for (const entry of bySilence.slice(0, count)) this.#entries.delete(entry.producerId);
  }

  #checkMarker(batch: ProducerBatch, marker: TransactionMarker, entry: ProducerEntry | undefined): ProducerCheck {
    if (entry === undefined) return append;
    if (marker.coordinatorEpoch < entry.coordinatorEpoch) {
      throw new MillraceError(
        'TRANSACTION_COORDINATOR_FENCED',
        `${this.#name(batch)}: a marker of coordinator epoch ${marker.coordinatorEpoch} came after one of epoch ` +
          `${entry.coordinatorEpoch}: another coordinator has taken over`,
      );
    }
    if (batch.producerEpoch < entry.epoch) throw this.#fenced(batch, entry);
    if (batch.producerEpoch > entry.epoch) return append;
    const { markerOffset, lastActivityMs } = entry;
    return { kind: 'duplicate', baseOffset: markerOffset, lastOffset: markerOffset, maxTimestamp: lastActivityMs };
  }

  #requireSameTransaction(batch: ProducerBatch, entry: ProducerEntry | undefined): void {
    if (!this.transactions.isOpen(batch.producerId)) return;
    if (batch.isTransactional && batch.producerEpoch === entry?.epoch) return;
    throw new MillraceError(
      'INVALID_TXN_STATE',
      `${this.#name(batch)} has a transaction open here in epoch ${entry?.epoch}, to which a batch ` +
        (batch.isTransactional ? `of epoch ${batch.producerEpoch}` : 'outside of transactions') +
        ' does not belong: end that transaction first',
    );
  }

  #fenced(batch: ProducerBatch, entry: ProducerEntry): MillraceError {
    return new MillraceError(
      'INVALID_PRODUCER_EPOCH',
      `${this.#name(batch)} uses epoch ${batch.producerEpoch}, but epoch ${entry.epoch} has written here: another ` +
        'instance of this producer has taken over. Close this one',
    );
  }

  #unknownProducer(batch: ProducerBatch): MillraceError {
    return new MillraceError(
      'UNKNOWN_PRODUCER_ID',
      `${this.#name(batch)} is not known and begins at sequence ${batch.baseSequence}: it was silent for so long that ` +
        'it was forgotten, or batches before this one never arrived. Take a new epoch and begin at sequence 0',
    );
  }

  #gap(batch: ProducerBatch, entry: ProducerEntry): MillraceError {
    if (entry.isForgotten(batch.baseSequence, batch.lastSequence)) {
      return new MillraceError(
        'DUPLICATE_SEQUENCE_NUMBER',
        `${this.#name(batch)} sent sequence ${batch.baseSequence} to ${batch.lastSequence} again: it is in the log, ` +
          'but so long ago that its offset is no longer remembered. Count it as sent',
      );
    }
    return this.#outOfOrder(batch, `sequence ${entry.nextSequence} is next`);
  }

  #outOfOrder(batch: ProducerBatch, expectation: string): MillraceError {
    return new MillraceError(
      'OUT_OF_ORDER_SEQUENCE_NUMBER',
      `${this.#name(batch)} sent sequence ${batch.baseSequence} to ${batch.lastSequence} in epoch ` +
        `${batch.producerEpoch}, but ${expectation}: a batch before this one is missing`,
    );
  }

  #name(batch: ProducerBatch): string {
    return `${this.#partitionName}: producer ${batch.producerId}`;
  }
}
