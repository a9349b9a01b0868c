/**
 * The records of a batch as stretches of bytes, for copying them without decoding more than compaction asks about.
 *
 * A record's timestamp and offset are relative to its batch, so its bytes stay valid in a batch that keeps base
 * timestamp and base offset, whichever other records went.
 */
import { errorCode, MillraceError } from '@millrace/base';
import { decompress, VarintReader, varlongBytes, writeVarint, writeVarlong, type BatchView } from '@millrace/record';
import { compressionMask, recordsPosition } from './batch-fields.js';

/** A record of null key, null value and no headers. */
const minRecordBytes = 7;

export class RawRecords {
  /** Holds the records from `from` to `to`, which is the whole of them. */
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly to: number;
  readonly #reader: VarintReader;
  readonly #baseOffset: number;
  readonly #baseTimestamp: number;
  /** Where the current record lies, its length field included. */
  start = 0;
  end: number;
  offset = -1;
  timestampMs = -1;
  key: Uint8Array | undefined;
  isTombstone = false;

  private constructor(batch: BatchView, maxDecompressedBytes: number) {
    const from = batch.position + recordsPosition;
    const to = batch.position + batch.sizeBytes;
    const isPlain = (batch.attributes & compressionMask) === 0 || from === to;
    this.bytes = isPlain
      ? batch.bytes
      : decompress(batch.compression, batch.bytes.subarray(from, to), maxDecompressedBytes);
    this.from = isPlain ? from : 0;
    this.to = isPlain ? to : this.bytes.length;
    this.end = this.from;
    this.#reader = new VarintReader(this.bytes, this.from, this.to);
    this.#baseOffset = batch.baseOffset;
    this.#baseTimestamp = batch.baseTimestamp;
  }

  /**
   * Undefined when the records are not what the format says. The broker never decoded them, so a producer may have
   * written anything behind a correct checksum; what cannot be understood cannot be compacted.
   */
  static over(batch: BatchView, maxDecompressedBytes: number): RawRecords | undefined {
    try {
      const records = new RawRecords(batch, maxDecompressedBytes);
      let count = 0;
      let lastOffset = batch.baseOffset - 1;
      while (records.next()) {
        if (records.offset <= lastOffset || records.offset > batch.lastOffset) return undefined;
        lastOffset = records.offset;
        count++;
      }
      records.end = records.from;
      return count === batch.recordCount ? records : undefined;
    } catch (error) {
      if (unreadable.has(errorCode(error))) return undefined;
      throw error;
    }
  }

  next(): boolean {
    if (this.end >= this.to) return false;
    const reader = this.#reader;
    this.start = this.end;
    reader.position = this.start;
    const length = reader.readVarint();
    this.end = reader.position + length;
    reader.position++;
    this.timestampMs = this.#baseTimestamp + reader.readVarlong();
    this.offset = this.#baseOffset + reader.readVarint();
    const keyBytes = reader.readVarint();
    const keyStart = reader.position;
    reader.position = keyStart + Math.max(0, keyBytes);
    this.key = keyBytes < 0 ? undefined : this.bytes.subarray(keyStart, reader.position);
    this.isTombstone = reader.readVarint() < 0;
    // A record that ends before it began, or inside itself, would be walked for ever or out of its batch.
    if (length < minRecordBytes - 1 || reader.position > this.end || this.end > this.to) throw malformed;
    return true;
  }
}

const unreadable = new Set(['CORRUPT_MESSAGE', 'DECOMPRESSED_TOO_LARGE']);
const malformed = new MillraceError('CORRUPT_MESSAGE', 'A record does not lie within its batch');

/** The same records, relative to another base timestamp. */
export function rebaseTimestamps(records: Uint8Array, shiftMs: number): Uint8Array {
  // A varlong grows by at most nine bytes, and the length before it by at most four.
  const output = Buffer.alloc(records.length + 13 * Math.ceil(records.length / minRecordBytes));
  const reader = new VarintReader(records, 0, records.length);
  let written = 0;
  while (reader.position < records.length) {
    const length = reader.readVarint();
    const start = reader.position;
    const attributes = records[start] ?? 0;
    reader.position++;
    const delta = reader.readVarlong();
    const rest = records.subarray(reader.position, start + length);
    written = writeVarint(output, written, 1 + varlongBytes(delta + shiftMs) + rest.length);
    output[written++] = attributes;
    written = writeVarlong(output, written, delta + shiftMs);
    output.set(rest, written);
    written += rest.length;
    reader.position = start + length;
  }
  return output.subarray(0, written);
}
