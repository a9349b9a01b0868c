/**
 * The header fields of a batch, read where they lie. One view can move over many batches: nothing is allocated per
 * batch. It trusts nothing but that a whole header is there, and its numbers may be nonsense: 64-bit fields beyond
 * +-(2^53-1) come out as unsafe integers. `validateBatch` judges what the fields say.
 */
import { compressions, type Compression } from './compression/compression.js';
import { corruptMessage } from './corrupt-message.js';
import { crc32c } from './crc32c.js';
import { readInt64 } from './int64.js';
import * as layout from './layout.js';

/** Who sets the timestamps of records: the producer, or the leader when it appends them. */
export type TimestampType = 'CreateTime' | 'LogAppendTime';

const noBytes = new Uint8Array(0);

export class BatchView {
  #bytes: Uint8Array = noBytes;
  #data: DataView = new DataView(noBytes.buffer);
  #position = 0;

  /** Over a batch at `position`, or over nothing until `at` is called. */
  constructor(bytes?: Uint8Array, position = 0) {
    if (bytes !== undefined) this.at(bytes, position);
  }

  /** Moves to the batch that starts at `position`. Throws `CORRUPT_MESSAGE` unless its header is there whole. */
  at(bytes: Uint8Array, position = 0): this {
    if (position < 0 || bytes.length - position < layout.batchHeaderBytes) {
      throw corruptMessage(`${bytes.length - position} bytes are too few for a batch header`);
    }
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#data = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    }
    this.#position = position;
    return this;
  }

  /** The memory that the batch lies in. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Where in `bytes` the batch starts. */
  get position(): number {
    return this.#position;
  }

  /** The whole batch, by its length field. */
  get sizeBytes(): number {
    return this.#data.getInt32(this.#position + layout.batchLengthPosition) + layout.batchLengthOverheadBytes;
  }

  /** Whether the size is possible and all of the batch is in `bytes`. */
  get isComplete(): boolean {
    const size = this.sizeBytes;
    return size >= layout.batchHeaderBytes && size <= this.#bytes.length - this.#position;
  }

  get baseOffset(): number {
    return readInt64(this.#data, this.#position + layout.baseOffsetPosition);
  }

  get lastOffsetDelta(): number {
    return this.#data.getInt32(this.#position + layout.lastOffsetDeltaPosition);
  }

  get lastOffset(): number {
    return this.baseOffset + this.lastOffsetDelta;
  }

  /** The offset after the last one of this batch. */
  get nextOffset(): number {
    return this.lastOffset + 1;
  }

  get leaderEpoch(): number {
    return this.#data.getInt32(this.#position + layout.leaderEpochPosition);
  }

  get magic(): number {
    return this.#data.getInt8(this.#position + layout.magicPosition);
  }

  get crc(): number {
    return this.#data.getUint32(this.#position + layout.crcPosition);
  }

  get attributes(): number {
    return this.#data.getUint16(this.#position + layout.attributesPosition);
  }

  /** Throws `CORRUPT_MESSAGE` when the code is none we know. */
  get compression(): Compression {
    const compression = compressions[this.attributes & layout.compressionMask];
    if (compression === undefined) throw corruptMessage('its compression code is unknown');
    return compression;
  }

  get timestampType(): TimestampType {
    return (this.attributes & layout.logAppendTimeFlag) === 0 ? 'CreateTime' : 'LogAppendTime';
  }

  get isTransactional(): boolean {
    return (this.attributes & layout.transactionalFlag) !== 0;
  }

  /** Whether its records are markers (of transactions), not data. */
  get isControl(): boolean {
    return (this.attributes & layout.controlFlag) !== 0;
  }

  get baseTimestamp(): number {
    return readInt64(this.#data, this.#position + layout.baseTimestampPosition);
  }

  get maxTimestamp(): number {
    return readInt64(this.#data, this.#position + layout.maxTimestampPosition);
  }

  /** -1 when the producer has none. */
  get producerId(): number {
    return readInt64(this.#data, this.#position + layout.producerIdPosition);
  }

  get producerEpoch(): number {
    return this.#data.getInt16(this.#position + layout.producerEpochPosition);
  }

  /** -1 when the producer counts none. */
  get baseSequence(): number {
    return this.#data.getInt32(this.#position + layout.baseSequencePosition);
  }

  /** Sequence of the last record; -1 when there is none. Sequences go on at 0 after 2^31-1. */
  get lastSequence(): number {
    const base = this.baseSequence;
    return base < 0 ? base : (base + this.lastOffsetDelta) % (layout.maxInt32 + 1);
  }

  get recordCount(): number {
    return this.#data.getInt32(this.#position + layout.recordCountPosition);
  }

  /** Whether the batch is there whole and its bytes are those the CRC was made of. */
  isCrcValid(): boolean {
    if (!this.isComplete) return false;
    const start = this.#position + layout.attributesPosition;
    return crc32c(this.#bytes, start, this.#position + this.sizeBytes) === this.crc;
  }
}
