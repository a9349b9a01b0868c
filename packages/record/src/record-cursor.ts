// hot path
/**
 * Steps over the records of one batch without making an object for any of them.
 *
 * After `next()` returned true, the fields are those of the current record; keys, values and headers become views only
 * when asked for. They are views of the batch's memory (or of what it was decompressed to): copy what must outlive it.
 *
 * The format of each record is checked on the way: bounds, offsets that rise and stay within the batch, and nothing
 * left after the last record. The CRC is the caller's to check, once per batch.
 */
import { BatchView } from './batch-view.js';
import { decompress } from './compression/compression.js';
import { corruptMessage } from './corrupt-message.js';
import { compressionMask, batchMagic, recordsPosition } from './layout.js';
import { BatchRecord, type LogRecord } from './log-record.js';
import { readHeaders } from './read-headers.js';
import type { ReadHeaders } from './record-headers.js';
import { VarintReader } from './varint.js';

export interface RecordCursorOptions {
  /** Limit of what a compressed batch may grow to. */
  readonly maxDecompressedBytes: number;
}

export class RecordCursor {
  /** The memory that positions below refer to. */
  readonly bytes: Buffer;
  readonly #reader: VarintReader;
  readonly #end: number;
  readonly #recordCount: number;
  readonly #baseOffset: number;
  readonly #lastOffsetDelta: number;
  /** What the deltas of the records' timestamps are added to, in milliseconds since 1970. */
  readonly baseTimestampMs: number;
  readonly #hasAppendTime: boolean;
  #index = 0;
  #offsetDelta = -1;
  #timestampDelta = 0;
  #headersStart = 0;
  #recordEnd: number;

  /** Position in `bytes` of what follows the offset: length and bytes of key and value, headers. */
  fieldsStart = 0;
  /** Position of the key in `bytes`. */
  keyStart = 0;
  /** -1 when the key is null. */
  keyLength = -1;
  /** Position of the value in `bytes`. */
  valueStart = 0;
  /** -1 when the value is null. */
  valueLength = -1;

  private constructor(view: BatchView, bytes: Buffer, start: number, end: number) {
    this.bytes = bytes;
    this.#reader = new VarintReader(bytes, start, end);
    this.#end = end;
    this.#recordEnd = start;
    this.#recordCount = view.recordCount;
    this.#baseOffset = view.baseOffset;
    this.#lastOffsetDelta = view.lastOffsetDelta;
    this.#hasAppendTime = view.timestampType === 'LogAppendTime';
    this.baseTimestampMs = this.#hasAppendTime ? view.maxTimestamp : view.baseTimestamp;
  }

  /** Over the records of one batch. Throws `CORRUPT_MESSAGE` or `DECOMPRESSED_TOO_LARGE`. */
  static over(batch: BatchView | Uint8Array, options: RecordCursorOptions): RecordCursor {
    const view = batch instanceof BatchView ? batch : new BatchView(batch);
    if (!view.isComplete) throw corruptMessage(`it should have ${view.sizeBytes} bytes and ends before that`);
    if (view.magic !== batchMagic) throw corruptMessage(`its magic is ${view.magic}, only 2 is spoken`);
    if (view.recordCount < 0) throw corruptMessage(`it counts ${view.recordCount} records`);
    if (!Number.isSafeInteger(view.baseOffset) || !Number.isSafeInteger(view.lastOffset)) {
      throw corruptMessage('its offsets are outside +-(2^53-1)');
    }
    if (!Number.isSafeInteger(view.baseTimestamp) || !Number.isSafeInteger(view.maxTimestamp)) {
      throw corruptMessage('its timestamps are outside +-(2^53-1)');
    }
    const start = view.position + recordsPosition;
    const end = view.position + view.sizeBytes;
    // An emptied batch (compaction keeps its header) has nothing to decompress.
    if ((view.attributes & compressionMask) === 0 || start === end) {
      return new RecordCursor(view, asBuffer(view.bytes), start, end);
    }
    const compressed = view.bytes.subarray(start, end);
    const records = asBuffer(decompress(view.compression, compressed, options.maxDecompressedBytes));
    return new RecordCursor(view, records, 0, records.length);
  }

  /** Moves to the next record; false when there is none. */
  next(): boolean {
    const reader = this.#reader;
    const start = this.#recordEnd;
    if (this.#index === this.#recordCount) {
      if (start !== this.#end) throw corruptMessage('bytes follow its last record');
      return false;
    }
    reader.position = start;
    reader.end = this.#end;
    const length = reader.readVarint();
    const end = reader.position + length;
    if (length < 0 || end > this.#end) throw corruptMessage('a record reaches past its end');
    reader.end = end;
    reader.position++; // attributes, of which none are defined
    this.#timestampDelta = reader.readVarlong();
    const offsetDelta = reader.readVarint();
    if (offsetDelta <= this.#offsetDelta || offsetDelta > this.#lastOffsetDelta) {
      throw corruptMessage(`offset delta ${offsetDelta} follows ${this.#offsetDelta}`);
    }
    this.#offsetDelta = offsetDelta;

    this.fieldsStart = reader.position;
    this.keyLength = reader.readVarint();
    this.keyStart = reader.position;
    if (this.keyLength > 0) reader.position += this.keyLength;
    this.valueLength = reader.readVarint();
    this.valueStart = reader.position;
    if (this.valueLength > 0) reader.position += this.valueLength;
    this.#headersStart = reader.position;
    if (this.keyLength < -1 || this.valueLength < -1 || reader.position >= end) {
      throw corruptMessage('a field reaches past the end of its record');
    }
    this.#recordEnd = end;
    this.#index++;
    return true;
  }

  /** Position in `bytes` of what follows the record. */
  get recordEnd(): number {
    return this.#recordEnd;
  }

  get offset(): number {
    return this.#baseOffset + this.#offsetDelta;
  }

  /** Milliseconds since 1970; -1 when the record has no timestamp. */
  get timestampMs(): number {
    return this.baseTimestampMs + this.timestampDeltaMs;
  }

  /** Against `baseTimestampMs`; zero where all records have the time of their append. */
  get timestampDeltaMs(): number {
    return this.#hasAppendTime ? 0 : this.#timestampDelta;
  }

  get key(): Buffer | null {
    return this.keyLength < 0 ? null : this.bytes.subarray(this.keyStart, this.keyStart + this.keyLength);
  }

  get value(): Buffer | null {
    return this.valueLength < 0 ? null : this.bytes.subarray(this.valueStart, this.valueStart + this.valueLength);
  }

  get headers(): ReadHeaders {
    return readHeaders(this.bytes, this.#headersStart, this.#recordEnd);
  }

  /** The current record as an object that stays as it is when the cursor moves on: still a view of the same memory. */
  copy(): LogRecord {
    return new BatchRecord(this.bytes, this.#headersStart, this.#recordEnd, this);
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
