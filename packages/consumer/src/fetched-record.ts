// hot path
import { MillraceError } from '@millrace/base';
import { bufferView, readHeaders, VarintReader, type ReadHeaders, type RecordCursor } from '@millrace/record';
import type { ConsumerRecord } from './consumer-record.js';
import type { ChunkMemory } from './reply-memory.js';

/** How keys and values become what the program wants; undefined: they stay bytes. */
export interface Deserializers<Key, Value> {
  readonly key: ((key: Uint8Array | null) => Key) | undefined;
  readonly value: ((value: Uint8Array | null) => Value) | undefined;
}

/** What the records of one batch have in common. */
export interface RecordSource<Key, Value> {
  readonly topic: string;
  readonly partition: number;
  /** What the records lie in: fetched, or decompressed. */
  readonly bytes: Buffer;
  /** What `bytes` is a view of, and where it begins there: asking it for these costs more than all else a value does. */
  readonly memory: ArrayBufferLike;
  readonly memoryStart: number;
  /** Milliseconds since 1970 that the records' deltas are added to. */
  readonly baseTimestampMs: number;
  /** Undefined: it is never given back. */
  readonly held: ChunkMemory | undefined;
  readonly deserializers: Deserializers<Key, Value>;
}

/**
 * A record that keeps where it lies and reads its parts when asked: most programs want only some of them. Small whole
 * numbers only, because there are millions and anything else would be an object of its own. It keeps the fetched bytes
 * alive: copy keys and values that are to be held for long.
 *
 *     bytes   ... [key length][key][value length][value][headers] ...
 *                 ^ fieldsStart                   ^ valueStart    ^ end        checked by the cursor that was here
 */
export class FetchedRecord<Key, Value> implements ConsumerRecord<Key, Value> {
  readonly offset: number;
  readonly #source: RecordSource<Key, Value>;
  readonly #timestampDeltaMs: number;
  readonly #fieldsStart: number;
  readonly #valueStart: number;
  /** -1 when the value is null. */
  readonly #valueLength: number;
  readonly #end: number;

  constructor(source: RecordSource<Key, Value>, cursor: RecordCursor) {
    this.offset = cursor.offset;
    this.#source = source;
    this.#timestampDeltaMs = cursor.timestampDeltaMs;
    this.#fieldsStart = cursor.fieldsStart;
    this.#valueStart = cursor.valueStart;
    this.#valueLength = cursor.valueLength;
    this.#end = cursor.recordEnd;
  }

  get topic(): string {
    return this.#source.topic;
  }

  get partition(): number {
    return this.#source.partition;
  }

  get timestampMs(): number {
    return this.#source.baseTimestampMs + this.#timestampDeltaMs;
  }

  /** As it is in the log. */
  get keyBytes(): Buffer | null {
    const { bytes } = this.#liveSource();
    const reader = new VarintReader(bytes, this.#fieldsStart, this.#end);
    const length = reader.readVarint();
    return length < 0 ? null : this.#view(reader.position, length);
  }

  get key(): Key {
    const { deserializers } = this.#source;
    const key = this.keyBytes;
    return deserializers.key === undefined ? (key as Key) : deserializers.key(key);
  }

  get value(): Value {
    const { deserializers } = this.#liveSource();
    const value = this.#valueLength < 0 ? null : this.#view(this.#valueStart, this.#valueLength);
    return deserializers.value === undefined ? (value as Value) : deserializers.value(value);
  }

  get headers(): ReadHeaders {
    return readHeaders(this.#liveSource().bytes, this.#valueStart + Math.max(0, this.#valueLength), this.#end);
  }

  /** What `console.log` shows: the getters' values instead of nothing. */
  [Symbol.for('nodejs.util.inspect.custom')](): ConsumerRecord<Key, Value> {
    const { topic, partition, offset, timestampMs, key, value, headers } = this;
    return { topic, partition, offset, timestampMs, key, value, headers };
  }

  #liveSource(): RecordSource<Key, Value> {
    const source = this.#source;
    if (source.held?.isReleased === true) throw releasedBatch();
    return source;
  }

  #view(start: number, length: number): Buffer {
    const { memory, memoryStart } = this.#source;
    return bufferView(memory, memoryStart + start, length);
  }
}

export function releasedBatch(): MillraceError {
  return new MillraceError(
    'BATCH_RELEASED',
    'A record was read after its batch was released: its memory has been used again. Copy what is to be kept before that.',
  );
}
