// hot path
/**
 * Hands what was fetched to the program: record by record, or a chunk at a time. All that is there is given out
 * synchronously; only when nothing is there does anybody wait.
 */
import { completion, type Completion, type MillraceError } from '@millrace/base';
import type { Chunk } from './chunk.js';
import { ConsumerBatch } from './consumer-batch.js';
import type { FetchCore } from './fetch-core.js';
import type { Deserializers, FetchedRecord } from './fetched-record.js';
import type { PartitionState } from './partition-state.js';
import { RecordReader } from './record-reader.js';

export interface DeliveryOptions<Key, Value> {
  readonly core: FetchCore;
  readonly maxDecompressedBytes: number;
  readonly deserializers: Deserializers<Key, Value>;
  /** Room was made: more can be fetched. */
  readonly onRoom: () => void;
}

/** A chunk that the program works on. Its partition gives out nothing else until `release`. */
export interface HeldChunk {
  readonly state: PartitionState;
  readonly chunk: Chunk;
  readonly generation: number;
}

export class Delivery<Key, Value> {
  readonly #options: DeliveryOptions<Key, Value>;
  #waiters: Completion<void>[] = [];
  readonly #topicErrors: MillraceError[] = [];
  /** The chunk that records are read from. */
  #held: HeldChunk | undefined;
  #reader: RecordReader<Key, Value> | undefined;

  constructor(options: DeliveryOptions<Key, Value>) {
    this.#options = options;
  }

  /** The next record; undefined when none is there now. Throws what ended the reading of a partition or topic. */
  record(): FetchedRecord<Key, Value> | undefined {
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
    this.putBack();
    const held = this.hold();
    if (held === undefined) return undefined;
    held.state.delivered(held.chunk.nextOffset);
    this.release(held);
    return this.toBatch(held);
  }

  /** The next chunk, for somebody who says when it is done; undefined when none is there now. Throws as `record`. */
  hold(): HeldChunk | undefined {
    const topicError = this.#topicErrors.shift();
    if (topicError !== undefined) throw topicError;
    const { core } = this.#options;
    for (let state = core.hold(); state !== undefined; state = core.hold()) {
      const chunk = state.take();
      if (chunk !== undefined) return { state, chunk, generation: state.generation };
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
  }

  read({ state, chunk }: HeldChunk): RecordReader<Key, Value> {
    return new RecordReader({ ...this.#options, state, chunk });
  }

  toBatch({ state, chunk }: HeldChunk): ConsumerBatch<Key, Value> {
    return new ConsumerBatch({ ...this.#options, state, chunk });
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

  #nextOfReader(reader: RecordReader<Key, Value>): FetchedRecord<Key, Value> | undefined {
    const { state, chunk, generation } = this.#held as HeldChunk;
    try {
      const record = reader.next();
      if (record !== undefined) {
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
