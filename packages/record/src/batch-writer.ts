// hot path
/**
 * Encodes records straight into the memory of one batch.
 *
 *     #buffer   [ 61 bytes for the header | records ... #position | free ... ]
 *
 * Lengths come before what they measure, and the length of a string in UTF-8 is not known before it is written. So a
 * varint is first reserved in the size it has when all characters are ASCII; when that proves too small, what follows
 * is moved up by the difference: rare, and never by more than four bytes.
 *
 * The buffer grows by doubling and is kept over `reset`.
 */
import { assert, MillraceError } from '@millrace/base';
import { writeBatchHeader, type BatchOptions } from './batch-header.js';
import { compress } from './compression/compression.js';
import { maxRecordOverheadBytes, maxTimestampMs, noTimestampMs, recordsPosition } from './layout.js';
import type { RecordHeaders } from './record-headers.js';
import { varintBytes, varlongBytes, writeVarint, writeVarlong } from './varint.js';

export interface BatchWriterOptions {
  /** The batch, header included and before compression, never grows past this. */
  readonly maxBytes: number;
  /** Memory taken at once; the rest as records need it. */
  readonly initialBytes?: number;
}

const defaultInitialBytes = 4096;
/** Up to this length a string's bound is three bytes a character; longer ones are measured, not to waste memory. */
const measuredStringLength = 1024;
/** Shorter strings and arrays are copied byte by byte: cheaper than a call that leaves JavaScript. */
const shortBytes = 24;

export class BatchWriter {
  readonly #maxBytes: number;
  #buffer: Buffer;
  /** End of what is written; the header's place counts as written. */
  #position = recordsPosition;
  #recordCount = 0;
  #firstTimestamp = -1;
  #maxTimestamp = -1;

  constructor(options: BatchWriterOptions) {
    assert(options.maxBytes > recordsPosition, `maxBytes must be above ${recordsPosition}, got ${options.maxBytes}`);
    this.#maxBytes = options.maxBytes;
    this.#buffer = Buffer.allocUnsafeSlow(Math.min(options.maxBytes, options.initialBytes ?? defaultInitialBytes));
  }

  get recordCount(): number {
    return this.#recordCount;
  }

  /** Size of the batch before compression, header included. */
  get sizeBytes(): number {
    return this.#position;
  }

  /** What it holds of memory, used or free. */
  get memoryBytes(): number {
    return this.#buffer.length;
  }

  /** -1 while there is no record. */
  get firstTimestamp(): number {
    return this.#firstTimestamp;
  }

  /** -1 while there is no record. */
  get maxTimestamp(): number {
    return this.#maxTimestamp;
  }

  /** Adds a record. Returns false, and changes nothing, when it does not fit. */
  append(
    key: Uint8Array | string | null,
    value: Uint8Array | string | null,
    headers: RecordHeaders | undefined,
    timestampMs: number,
  ): boolean {
    if (!(Number.isSafeInteger(timestampMs) && timestampMs >= noTimestampMs && timestampMs <= maxTimestampMs))
      throw invalidTimestamp(timestampMs);
    const mostBytes = maxRecordOverheadBytes + mostBytesOf(key) + mostBytesOf(value) + mostBytesOfHeaders(headers);
    let room = this.#position + mostBytes;
    if (room > this.#maxBytes) {
      if (this.#position + this.#recordBytes(key, value, headers, timestampMs) > this.#maxBytes) return false;
      room = this.#maxBytes;
    }
    if (room > this.#buffer.length) this.#grow(room);

    if (this.#recordCount === 0) this.#firstTimestamp = timestampMs;
    if (this.#recordCount === 0 || timestampMs > this.#maxTimestamp) this.#maxTimestamp = timestampMs;
    this.#position = this.#writeRecord(key, value, headers, timestampMs - this.#firstTimestamp);
    this.#recordCount++;
    return true;
  }

  /**
   * Completes the batch. The result is the writer's own memory unless it was compressed: use it up before `reset`.
   * May be called again, with other options.
   */
  finish(options: BatchOptions = {}): Uint8Array {
    assert(this.#recordCount > 0, 'a batch has a record');
    const contents = {
      recordCount: this.#recordCount,
      lastOffsetDelta: this.#recordCount - 1,
      baseTimestamp: this.#firstTimestamp,
      maxTimestamp: this.#maxTimestamp,
    };
    const batch = this.#compressed(options);
    writeBatchHeader(batch, contents, options);
    return batch;
  }

  /** Forgets all records and keeps the memory. */
  reset(): void {
    this.#position = recordsPosition;
    this.#recordCount = 0;
    this.#firstTimestamp = -1;
    this.#maxTimestamp = -1;
  }

  #compressed(options: BatchOptions): Uint8Array {
    const plain = this.#buffer.subarray(0, this.#position);
    if (options.compression === undefined || options.compression === 'none') return plain;
    const records = compress(options.compression, plain.subarray(recordsPosition));
    const batch = Buffer.allocUnsafe(recordsPosition + records.length);
    batch.set(records, recordsPosition);
    return batch;
  }

  #grow(bytes: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.min(this.#maxBytes, Math.max(bytes, 2 * this.#buffer.length)));
    grown.set(this.#buffer.subarray(0, this.#position));
    this.#buffer = grown;
  }

  /** Writes a record that is known to fit; returns the position after it. */
  #writeRecord(
    key: Uint8Array | string | null,
    value: Uint8Array | string | null,
    headers: RecordHeaders | undefined,
    timestampDelta: number,
  ): number {
    const buffer = this.#buffer;
    const start = this.#position;
    const leastBytes =
      1 +
      varlongBytes(timestampDelta) +
      varintBytes(this.#recordCount) +
      leastFieldBytes(key) +
      leastFieldBytes(value) +
      leastHeadersBytes(headers);
    const bodyStart = writeVarint(buffer, start, leastBytes);
    buffer[bodyStart] = 0;
    let position = writeVarlong(buffer, bodyStart + 1, timestampDelta);
    position = writeVarint(buffer, position, this.#recordCount);
    position = writeField(buffer, position, key);
    position = writeField(buffer, position, value);
    if (headers === undefined || headers.length === 0) buffer[position++] = 0;
    else position = writeHeaders(buffer, position, headers);

    const bodyBytes = position - bodyStart;
    return bodyBytes === leastBytes ? position : rewriteLength(buffer, start, bodyStart, position);
  }

  /** The exact size of a record that would be appended now. */
  #recordBytes(
    key: Uint8Array | string | null,
    value: Uint8Array | string | null,
    headers: RecordHeaders | undefined,
    timestampMs: number,
  ): number {
    const delta = this.#recordCount === 0 ? 0 : timestampMs - this.#firstTimestamp;
    let body = 1 + varlongBytes(delta) + varintBytes(this.#recordCount) + fieldBytes(key) + fieldBytes(value);
    body += varintBytes(headers?.length ?? 0);
    if (headers !== undefined) for (const header of headers) body += fieldBytes(header[0]) + fieldBytes(header[1]);
    return varintBytes(body) + body;
  }
}

function mostBytesOf(field: Uint8Array | string | null): number {
  if (field === null) return 0;
  if (typeof field !== 'string') return field.length;
  return field.length <= measuredStringLength ? 3 * field.length : Buffer.byteLength(field);
}

function mostBytesOfHeaders(headers: RecordHeaders | undefined): number {
  let bytes = 0;
  if (headers !== undefined) {
    for (const header of headers) bytes += 10 + mostBytesOf(header[0]) + mostBytesOf(header[1]);
  }
  return bytes;
}

/** Size of a length and its field when every character of a string takes one byte. */
function leastFieldBytes(field: Uint8Array | string | null): number {
  return field === null ? 1 : varintBytes(field.length) + field.length;
}

function leastHeadersBytes(headers: RecordHeaders | undefined): number {
  if (headers === undefined || headers.length === 0) return 1;
  let bytes = varintBytes(headers.length);
  for (const header of headers) bytes += leastFieldBytes(header[0]) + leastFieldBytes(header[1]);
  return bytes;
}

function fieldBytes(field: Uint8Array | string | null): number {
  if (field === null) return 1;
  const length = typeof field === 'string' ? Buffer.byteLength(field) : field.length;
  return varintBytes(length) + length;
}

function writeField(buffer: Buffer, position: number, field: Uint8Array | string | null): number {
  if (field === null) {
    buffer[position] = 1; // the varint of -1
    return position + 1;
  }
  if (typeof field === 'string') return writeString(buffer, position, field);
  const length = field.length;
  const start = writeVarint(buffer, position, length);
  if (length > shortBytes) buffer.set(field, start);
  else for (let index = 0; index < length; index++) buffer[start + index] = field[index]!;
  return start + length;
}

function writeString(buffer: Buffer, position: number, text: string): number {
  const length = text.length;
  const start = writeVarint(buffer, position, length);
  if (length <= shortBytes) {
    let index = 0;
    for (; index < length; index++) {
      const unit = text.charCodeAt(index);
      if (unit >= 0x80) break;
      buffer[start + index] = unit;
    }
    if (index === length) return start + length;
  }
  const end = start + buffer.write(text, start);
  return end === start + length ? end : rewriteLength(buffer, position, start, end);
}

function writeHeaders(buffer: Buffer, position: number, headers: RecordHeaders): number {
  position = writeVarint(buffer, position, headers.length);
  for (const header of headers) {
    position = writeField(buffer, position, header[0]);
    position = writeField(buffer, position, header[1]);
  }
  return position;
}

/** Sets the length at `position`, which the field `[start, end)` outgrew, and moves the field when that takes more bytes. */
function rewriteLength(buffer: Buffer, position: number, start: number, end: number): number {
  const length = end - start;
  const newStart = position + varintBytes(length);
  if (newStart !== start) buffer.copyWithin(newStart, start, end);
  writeVarint(buffer, position, length);
  return newStart + length;
}

function invalidTimestamp(timestampMs: number): MillraceError {
  return new MillraceError(
    'INVALID_TIMESTAMP',
    `A record's timestamp is whole milliseconds from ${noTimestampMs} (none) to ${maxTimestampMs}, got ${timestampMs}`,
  );
}
