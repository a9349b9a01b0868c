// hot path
import { MillraceError } from '@millrace/base';
import { readHeaders, VarintReader, type ReadHeaders, type RecordCursor } from '@millrace/record';
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
  /** Undefined: it is never given back. */
  readonly memory: ChunkMemory | undefined;
  readonly deserializers: Deserializers<Key, Value>;
}

/** One for all records: it is moved to where one is read. */
const reader = new VarintReader(new Uint8Array(), 0, 0);

/**
 * A record that keeps where it lies and reads its parts when asked: most programs want only some of them. Few fields,
 * because there are millions. It keeps the fetched bytes alive: copy keys and values that are to be held for long.
 *
 *     bytes   ... [key length][key][value length][value][headers] ...
 *                 ^ fieldsStart                                  ^ end        checked by the cursor that was here
 */
export class FetchedRecord<Key, Value> implements ConsumerRecord<Key, Value> {
  readonly offset: number;
  readonly timestampMs: number;
  readonly #source: RecordSource<Key, Value>;
  readonly #fieldsStart: number;
  readonly #end: number;

  constructor(source: RecordSource<Key, Value>, cursor: RecordCursor) {
    this.offset = cursor.offset;
    this.timestampMs = cursor.timestampMs;
    this.#source = source;
    this.#fieldsStart = cursor.fieldsStart;
    this.#end = cursor.recordEnd;
  }

  get topic(): string {
    return this.#source.topic;
  }

  get partition(): number {
    return this.#source.partition;
  }

  get key(): Key {
    const { deserializers } = this.#source;
    const key = this.#field(this.#fieldsStart);
    return deserializers.key === undefined ? (key as Key) : deserializers.key(key);
  }

  get value(): Value {
    const { deserializers } = this.#source;
    const value = this.#field(this.#after(this.#fieldsStart));
    return deserializers.value === undefined ? (value as Value) : deserializers.value(value);
  }

  get headers(): ReadHeaders {
    const start = this.#after(this.#after(this.#fieldsStart));
    return readHeaders(this.#source.bytes, start, this.#end);
  }

  /** What `console.log` shows: the getters' values instead of nothing. */
  [Symbol.for('nodejs.util.inspect.custom')](): ConsumerRecord<Key, Value> {
    const { topic, partition, offset, timestampMs, key, value, headers } = this;
    return { topic, partition, offset, timestampMs, key, value, headers };
  }

  #field(position: number): Buffer | null {
    const length = this.#lengthAt(position);
    const start = reader.position;
    return length < 0 ? null : this.#source.bytes.subarray(start, start + length);
  }

  /** Where the field behind the one at `position` begins. */
  #after(position: number): number {
    const length = this.#lengthAt(position);
    return length < 0 ? reader.position : reader.position + length;
  }

  /** Of the field that begins there; -1 when it is null. The reader stands behind the length. */
  #lengthAt(position: number): number {
    const { bytes, memory } = this.#source;
    if (memory?.isReleased === true) throw releasedBatch();
    reader.bytes = bytes;
    reader.position = position;
    reader.end = this.#end;
    return reader.readVarint();
  }
}

export function releasedBatch(): MillraceError {
  return new MillraceError(
    'BATCH_RELEASED',
    'A record was read after its batch was released: its memory has been used again. Copy what is to be kept before that.',
  );
}
