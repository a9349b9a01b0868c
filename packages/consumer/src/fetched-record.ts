import type { ReadHeaders, RecordCursor } from '@millrace/record';
import type { ConsumerRecord } from './consumer-record.js';

/** How keys and values become what the program wants; undefined: they stay bytes. */
export interface Deserializers<Key, Value> {
  readonly key: ((key: Uint8Array | null) => Key) | undefined;
  readonly value: ((value: Uint8Array | null) => Value) | undefined;
}

const noHeaders: ReadHeaders = [];

/**
 * A record that keeps where its parts lie and makes views of them when asked: most programs want only some of them.
 * It keeps the fetched bytes alive: copy keys and values that are to be held for long.
 */
export class FetchedRecord<Key, Value> implements ConsumerRecord<Key, Value> {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly #bytes: Buffer;
  readonly #keyStart: number;
  readonly #keyLength: number;
  readonly #valueStart: number;
  readonly #valueLength: number;
  readonly #deserializers: Deserializers<Key, Value>;
  readonly #headers: { readonly headers: ReadHeaders } | undefined;

  constructor(
    where: { readonly topic: string; readonly partition: number },
    cursor: RecordCursor,
    deserializers: Deserializers<Key, Value>,
  ) {
    this.topic = where.topic;
    this.partition = where.partition;
    this.offset = cursor.offset;
    this.timestampMs = cursor.timestampMs;
    this.#bytes = cursor.bytes;
    this.#keyStart = cursor.keyStart;
    this.#keyLength = cursor.keyLength;
    this.#valueStart = cursor.valueStart;
    this.#valueLength = cursor.valueLength;
    this.#deserializers = deserializers;
    // Headers follow the value; a count of 0 is one zero byte. Only a record that has some pays for a second object.
    const headersStart = cursor.valueStart + Math.max(0, cursor.valueLength);
    this.#headers = cursor.bytes[headersStart] === 0 ? undefined : cursor.copy();
  }

  get key(): Key {
    const key = this.#keyLength < 0 ? null : this.#bytes.subarray(this.#keyStart, this.#keyStart + this.#keyLength);
    const { key: deserialize } = this.#deserializers;
    return deserialize === undefined ? (key as Key) : deserialize(key);
  }

  get value(): Value {
    const value =
      this.#valueLength < 0 ? null : this.#bytes.subarray(this.#valueStart, this.#valueStart + this.#valueLength);
    const { value: deserialize } = this.#deserializers;
    return deserialize === undefined ? (value as Value) : deserialize(value);
  }

  get headers(): ReadHeaders {
    return this.#headers === undefined ? noHeaders : this.#headers.headers;
  }

  /** What `console.log` shows: the getters' values instead of nothing. */
  [Symbol.for('nodejs.util.inspect.custom')](): ConsumerRecord<Key, Value> {
    const { topic, partition, offset, timestampMs, key, value, headers } = this;
    return { topic, partition, offset, timestampMs, key, value, headers };
  }
}
