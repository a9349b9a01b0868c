import { readHeaders } from './read-headers.js';
import type { ReadHeaders } from './record-headers.js';

/** A record as read from a log. Its bytes are views of the batch it came in: copy what must outlive the batch. */
export interface LogRecord {
  readonly offset: number;
  /** Milliseconds since 1970; -1 when the record has no timestamp. */
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: ReadHeaders;
}

/** Where the parts of a record lie, and its place in the log. */
export interface RecordPlace {
  readonly offset: number;
  readonly timestampMs: number;
  readonly keyStart: number;
  readonly keyLength: number;
  readonly valueStart: number;
  readonly valueLength: number;
}

/** A record that makes its views when they are asked for: most programs want only some of them. */
export class BatchRecord implements LogRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly #bytes: Buffer;
  readonly #keyStart: number;
  readonly #keyLength: number;
  readonly #valueStart: number;
  readonly #valueLength: number;
  readonly #headersStart: number;
  readonly #end: number;

  constructor(bytes: Buffer, headersStart: number, end: number, place: RecordPlace) {
    this.offset = place.offset;
    this.timestampMs = place.timestampMs;
    this.#bytes = bytes;
    this.#keyStart = place.keyStart;
    this.#keyLength = place.keyLength;
    this.#valueStart = place.valueStart;
    this.#valueLength = place.valueLength;
    this.#headersStart = headersStart;
    this.#end = end;
  }

  get key(): Buffer | null {
    return this.#keyLength < 0 ? null : this.#bytes.subarray(this.#keyStart, this.#keyStart + this.#keyLength);
  }

  get value(): Buffer | null {
    return this.#valueLength < 0 ? null : this.#bytes.subarray(this.#valueStart, this.#valueStart + this.#valueLength);
  }

  get headers(): ReadHeaders {
    return readHeaders(this.#bytes, this.#headersStart, this.#end);
  }

  /** What `console.log` shows: the getters' values instead of nothing. */
  [Symbol.for('nodejs.util.inspect.custom')](): LogRecord {
    const { offset, timestampMs, key, value, headers } = this;
    return { offset, timestampMs, key, value, headers };
  }
}
