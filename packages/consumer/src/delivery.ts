// hot path
/**
 * Hands what was fetched to the program: record by record, or a chunk at a time. All that is there is given out
 * synchronously; only when nothing is there does anybody wait.
 */
import { completion, type Completion, type MillraceError } from '@millrace/base';
import type { Chunk } from './chunk.js';
import { ConsumerBatch, type CommitBatch } from './consumer-batch.js';
import type { FetchCore } from './fetch-core.js';
import type { Deserializers, FetchedRecord } from './fetched-record.js';
import type { PartitionState } from './partition-state.js';
import { RecordReader } from './record-reader.js';
import type { Worker } from './run/worker.js';

export interface DeliveryOptions<Key, Value> {
  readonly core: FetchCore;
  readonly maxDecompressedBytes: number;
  readonly deserializers: Deserializers<Key, Value>;
  /** Room was made: more can be fetched. */
  readonly onRoom: () => void;
  /** Commits what a batch brought, for `ConsumerBatch.commit`. */
  readonly commitBatch: CommitBatch;
  /** Whether a chunk may be handed over now; where it says no, it takes the chunk and gives it to `admit` later. */
  readonly gate?: ((held: HeldChunk) => boolean) | undefined;
  /** So many records more are processed. */
  readonly onProcessed?: ((records: number) => void) | undefined;
}

/** Somebody who works on records: when `asks` stands still while it is working, it hangs. */
export interface Hand {
  readonly asks: number;
  readonly isWorking: boolean;
  /** Whose hand it is, and what is in it. */
  describe(): string;
}

/** A chunk that the program works on. Its partition gives out nothing else until `release`. */
export interface HeldChunk {
  readonly state: PartitionState;
  readonly chunk: Chunk;
  readonly generation: number;
}

/**
 * What the program has in hand: a record, until the next is asked for, or a chunk as a batch. It is not processed yet.
 *
 *     log   ... processed ... [in hand] position ...
 */
export class Delivery<Key, Value> implements Hand {
  readonly #options: DeliveryOptions<Key, Value>;
  #waiters: Completion<void>[] = [];
  readonly #topicErrors: MillraceError[] = [];
  /** The chunk that records are read from. */
  #held: HeldChunk | undefined;
  #reader: RecordReader<Key, Value> | undefined;
  /** The partition of what is in hand; its generation then, and the first offset. */
  #inHand: PartitionState | undefined;
  #inHandGeneration = 0;
  #inHandOffset = 0;
  #inHandCount = 0;
  /** The program iterates: it will ask again when it is done with what it has in hand. */
  #isAwaited = false;
  #askWaiters: Completion<void>[] = [];
  /** Chunks that came through the gate late. */
  #admitted: HeldChunk[] = [];
  /** Partitions with a chunk that waits at the gate, or has come through and not been asked for. */
  readonly #atGate = new Set<PartitionState>();
  #fatal: MillraceError | undefined;
  /** Rises with everything that an iteration asks for. */
  asks = 0;
  /** The workers of the last `run`. */
  crew: readonly Worker[] = [];
  /** Set while `run` runs: ends it, though a callback hangs. */
  onHang: ((error: MillraceError) => void) | undefined;

  constructor(options: DeliveryOptions<Key, Value>) {
    this.#options = options;
  }

  /** The next record; undefined when none is there now. Throws what ended the reading of a partition or topic. */
  record(): FetchedRecord<Key, Value> | undefined {
    this.settle();
    for (;;) {
      if (this.#reader !== undefined) {
        const record = this.#nextOfReader(this.#reader);
        if (record !== undefined) return record;
      }
      const held = this.hold();
      if (held === undefined) return undefined;
      this.#held = held;
      this.#reader = this.read(held);
    }
  }

  /** The next chunk as a batch; its partition counts as read up to its end. */
  batch(): ConsumerBatch<Key, Value> | undefined {
    this.settle();
    this.putBack();
    const held = this.hold();
    if (held === undefined) return undefined;
    const { firstOffset, nextOffset } = held.chunk;
    this.#handOver(held, firstOffset, nextOffset - firstOffset);
    held.state.delivered(held.chunk.nextOffset);
    this.release(held);
    return this.toBatch(held);
  }

  /** The next chunk, for somebody who says when it is done; undefined when none is there now. Throws as `record`. */
  hold(): HeldChunk | undefined {
    if (this.#fatal !== undefined) throw this.#fatal;
    const topicError = this.#topicErrors.shift();
    if (topicError !== undefined) throw topicError;
    const { core, gate } = this.#options;
    for (let held = this.#admitted.shift(); held !== undefined; held = this.#admitted.shift()) {
      this.#atGate.delete(held.state);
      if (held.state.generation === held.generation && !held.state.isWithheld) return held;
      this.release(held);
    }
    for (let state = core.hold(); state !== undefined; state = core.hold()) {
      const chunk = state.take();
      if (chunk?.hasRecords === false) {
        // Nobody hears of what nobody gets.
        state.delivered(chunk.nextOffset);
        chunk.memory?.release();
        core.release(state);
        this.#options.onRoom();
        continue;
      }
      if (chunk !== undefined) {
        const held = { state, chunk, generation: state.generation };
        if (gate === undefined || gate(held)) return held;
        this.#atGate.add(state);
        continue;
      }
      const error = state.takeError();
      core.release(state);
      if (error !== undefined) throw error;
    }
    return undefined;
  }

  /** The program is done with the chunk, or gives it up: what it has not read of it stays to be read. */
  release({ state, chunk, generation }: HeldChunk): void {
    if (state.generation === generation && state.phase !== 'locating') state.putBack(chunk);
    this.#options.core.release(state);
    this.#options.onRoom();
    this.tellAskers();
  }

  /** A chunk that the gate had kept may be handed over. */
  admit(held: HeldChunk): void {
    this.#admitted.push(held);
    this.wake();
  }

  /** A chunk that the gate had kept stays to be read. */
  refuse(held: HeldChunk): void {
    this.#atGate.delete(held.state);
    this.release(held);
  }

  /** The program asks for more: what it had in hand is processed. */
  settle(): void {
    this.asks += 1;
    const wasInHand = this.#inHand !== undefined;
    this.#inHand = undefined;
    if (wasInHand) this.processed(this.#inHandCount);
    this.tellAskers();
  }

  /** So many records more are processed. */
  processed(records: number): void {
    this.#options.onProcessed?.(records);
  }

  /** The program has stopped iterating, and may or may not have processed what it has in hand. */
  stopped(): void {
    this.#isAwaited = false;
    this.tellAskers();
  }

  /** Whether the program works on something of this partition, and will say when it is done. */
  isBusy(state: PartitionState): boolean {
    if (this.#isAwaited && this.#inHand === state) return true;
    return this.isWorkedOn(state);
  }

  /** Whether callbacks of `run` work on this partition. */
  isWorkedOn(state: PartitionState): boolean {
    if (state.finished !== undefined && state.finished.size > 0) return true;
    return state.isHeld && this.#held?.state !== state && !this.#atGate.has(state);
  }

  /** The offset before which everything of a partition is processed; undefined while its place is not known. */
  processedOf(state: PartitionState): number | undefined {
    const { position, finished } = state;
    if (finished !== undefined) return finished.committable;
    if (position === undefined || this.#inHand !== state || this.#inHandGeneration !== state.generation)
      return position;
    return Math.min(this.#inHandOffset, position);
  }

  /** Resolves when the program asks for more, stops iterating, or is done with a chunk. */
  nextAsk(): Promise<void> {
    const waiter = completion();
    this.#askWaiters.push(waiter);
    return waiter.promise;
  }

  /** Whether nobody waits for something to be there. */
  get isWorking(): boolean {
    return this.#waiters.length === 0;
  }

  describe(): string {
    return 'the iteration';
  }

  get isRunning(): boolean {
    return this.onHang !== undefined;
  }

  /** A callback hangs, and its partition is lost. */
  hang(error: MillraceError): void {
    this.onHang?.(error);
  }

  /** Who works on records: the workers of `run`, or whoever iterates. */
  get hands(): readonly Hand[] {
    return this.isRunning ? this.crew : [this];
  }

  read({ state, chunk }: HeldChunk): RecordReader<Key, Value> {
    return new RecordReader({ ...this.#options, state, chunk });
  }

  toBatch({ state, chunk }: HeldChunk): ConsumerBatch<Key, Value> {
    return new ConsumerBatch({ ...this.#options, state, chunk }, this.#options.commitBatch);
  }

  /** Gives back the rest of the chunk that records are read from: another reader follows, or its partition is paused. */
  putBack(): void {
    const held = this.#held;
    this.#held = undefined;
    this.#reader = undefined;
    if (held !== undefined) this.release(held);
  }

  /** Whether records are being read from this partition's chunk. */
  isReading(state: PartitionState): boolean {
    return this.#held?.state === state;
  }

  /** Nothing will ever come again. */
  end(error: MillraceError): void {
    this.#fatal = error;
    this.wake();
  }

  addTopicError(error: MillraceError): void {
    this.#topicErrors.push(error);
    this.wake();
  }

  /** Resolves at the next `wake`. */
  news(): Promise<void> {
    const waiter = completion();
    this.#waiters.push(waiter);
    return waiter.promise;
  }

  /** Something may be there now, or nothing ever again: those who wait look. */
  wake(): void {
    const waiters = this.#waiters;
    if (waiters.length === 0) return;
    this.#waiters = [];
    for (const waiter of waiters) waiter.resolve();
  }

  #handOver({ state, generation }: HeldChunk, offset: number, count: number): void {
    this.#inHand = state;
    this.#inHandGeneration = generation;
    this.#inHandOffset = offset;
    this.#inHandCount = count;
    this.#isAwaited = true;
  }

  /** Whoever waits for the program to be done with a partition looks. */
  tellAskers(): void {
    if (this.#askWaiters.length === 0) return;
    const waiters = this.#askWaiters;
    this.#askWaiters = [];
    for (const waiter of waiters) waiter.resolve();
  }

  #nextOfReader(reader: RecordReader<Key, Value>): FetchedRecord<Key, Value> | undefined {
    const { state, chunk, generation } = this.#held as HeldChunk;
    try {
      const record = reader.next();
      if (record !== undefined) {
        this.#handOver(this.#held as HeldChunk, record.offset, 1);
        state.delivered(record.offset + 1);
        return record;
      }
    } catch (error) {
      this.putBack();
      throw error;
    }
    if (state.generation === generation) state.delivered(chunk.nextOffset);
    this.putBack();
    return undefined;
  }
}
