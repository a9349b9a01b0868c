// hot path
/**
 * Reads the records of one chunk, one after the other, without anything asynchronous in between.
 *
 * Control records, aborted ones, and records before the wanted offset are passed over. A batch that cannot be read
 * (corrupt inside, too large once decompressed) stops its partition: `next` throws a PartitionError that says where, and
 * the partition waits for the program to seek. After a seek the rest of the chunk is worthless, and reading ends.
 */
import { MillraceError } from '@millrace/base';
import { BatchView, RecordCursor } from '@millrace/record';
import { AbortedRanges } from './aborted-ranges.js';
import type { Chunk } from './chunk.js';
import { FetchedRecord, releasedBatch, type Deserializers, type RecordSource } from './fetched-record.js';
import type { PartitionState } from './partition-state.js';
import type { ChunkMemory } from './reply-memory.js';

export interface RecordReaderOptions<Key, Value> {
  readonly state: PartitionState;
  readonly chunk: Chunk;
  readonly maxDecompressedBytes: number;
  readonly deserializers: Deserializers<Key, Value>;
}

export class RecordReader<Key, Value> {
  readonly #options: RecordReaderOptions<Key, Value>;
  /** Looked at for each record, so they have fields of their own. */
  readonly #state: PartitionState;
  readonly #memory: ChunkMemory | undefined;
  readonly #generation: number;
  readonly #view = new BatchView();
  readonly #firstOffset: number;
  readonly #aborted: AbortedRanges | undefined;
  #cursor: RecordCursor | undefined;
  /** Of the cursor's batch. */
  #source: RecordSource<Key, Value> | undefined;
  /** Where the next batch begins in the chunk. */
  #position = 0;

  constructor(options: RecordReaderOptions<Key, Value>) {
    this.#options = options;
    this.#state = options.state;
    this.#memory = options.chunk.memory;
    this.#generation = options.state.generation;
    this.#firstOffset = options.chunk.firstOffset;
    this.#aborted = AbortedRanges.of(options.chunk.aborted);
  }

  get state(): PartitionState {
    return this.#state;
  }

  /** The next record; undefined at the end of the chunk, and after a seek. */
  next(): FetchedRecord<Key, Value> | undefined {
    if (this.#state.generation !== this.#generation) return undefined;
    if (this.#memory?.isReleased === true) throw releasedBatch();
    try {
      for (;;) {
        const cursor = this.#cursor ?? this.#nextBatch();
        if (cursor === undefined) return undefined;
        while (cursor.next()) {
          if (cursor.offset >= this.#firstOffset)
            return new FetchedRecord(this.#source as RecordSource<Key, Value>, cursor);
        }
        this.#cursor = undefined;
      }
    } catch (error) {
      if (!(error instanceof MillraceError) || error.code === 'ASSERTION_FAILED') throw error;
      throw this.#state.failAt(error, Math.max(this.#view.baseOffset, this.#firstOffset), this.#view.nextOffset);
    }
  }

  #nextBatch(): RecordCursor | undefined {
    const { chunk, deserializers } = this.#options;
    const { bytes } = chunk;
    const { topic, partition } = this.#state;
    while (this.#position < bytes.length) {
      this.#view.at(bytes, this.#position);
      this.#position += this.#view.sizeBytes;
      if (this.#view.isControl || this.#aborted?.has(this.#view) === true) continue;
      const cursor = RecordCursor.over(this.#view, this.#options);
      this.#source = {
        topic,
        partition,
        bytes: cursor.bytes,
        memory: cursor.bytes.buffer,
        memoryStart: cursor.bytes.byteOffset,
        baseTimestampMs: cursor.baseTimestampMs,
        held: this.#memory,
        deserializers,
      };
      this.#cursor = cursor;
      return cursor;
    }
    return undefined;
  }
}
