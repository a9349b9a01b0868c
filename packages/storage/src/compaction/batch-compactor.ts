/**
 * What is left of one batch when a log is compacted.
 *
 * - A record goes when a newer one with its key is in the map. A record without a key stays: there is no telling what
 *   would replace it.
 * - A tombstone (no value) stays at first, so that readers who lag see the deletion. The first compaction that passes
 *   it writes into its batch the moment from which it may go (Kafka's delete horizon: bit 6 of the attributes, in the
 *   place of the base timestamp); a later one takes it away.
 * - Control batches stay, and so do batches whose records cannot be read. Data of transactions replaces nothing, for it may
 *   have been aborted.
 * - A batch of which nothing is left goes, unless it is the newest of its producer: its header stays, without records,
 *   or the producer's sequence numbers would be lost with it.
 * - Offsets never change: a batch keeps its first and last offset whatever records it still has, so a position that a
 *   reader kept leads to the same place as before.
 *
 * A tombstone at or above `mapEndOffset` is left alone: older records of its key have not been taken away yet.
 */
import { assert } from '@millrace/base';
import { compress, crc32c, type BatchView } from '@millrace/record';
import * as fields from './batch-fields.js';
import type { OffsetMap } from './offset-map.js';
import { RawRecords, rebaseTimestamps } from './raw-records.js';

export interface BatchCompactorOptions {
  readonly map: Pick<OffsetMap, 'get'>;
  /** The map knows all records from where the log was compacted last up to here. */
  readonly mapEndOffset: number;
  readonly nowMs: number;
  readonly deleteRetentionMs: number;
  readonly maxDecompressedBytes: number;
  /** The last offset of the newest batch of a producer that is remembered; undefined when it is not. */
  lastOffsetOf(producerId: number): number | undefined;
}

interface Kept {
  /** The records that stay, back to back, relative to the batch's base timestamp. */
  readonly records: Uint8Array;
  readonly count: number;
  readonly hasTombstone: boolean;
  readonly maxTimestamp: number;
}

export class BatchCompactor {
  readonly #options: BatchCompactorOptions;
  #nextHorizonMs = Infinity;

  constructor(options: BatchCompactorOptions) {
    this.#options = options;
  }

  /** When the first of the tombstones that stayed may go. */
  get nextHorizonMs(): number {
    return this.#nextHorizonMs;
  }

  /** The bytes that stay: those of the batch itself when nothing changes, undefined when nothing stays. */
  compact(batch: BatchView): Uint8Array | undefined {
    const bytes = batch.bytes.subarray(batch.position, batch.position + batch.sizeBytes);
    const records = batch.isControl ? undefined : RawRecords.over(batch, this.#options.maxDecompressedBytes);
    if (records === undefined) return bytes;
    const horizonMs = horizonOf(batch);
    const kept = this.#keep(batch, records, horizonMs);
    if (kept.count === 0) return this.#isNewestOfProducer(batch) ? emptyBatch(bytes) : undefined;
    const needsHorizon = kept.hasTombstone && horizonMs === undefined && this.#mayLoseTombstones(batch);
    const newHorizonMs = needsHorizon ? this.#options.nowMs + this.#options.deleteRetentionMs : undefined;
    // One that is over and could not be acted on yet waits for new records, or the log would be compacted for ever.
    if (newHorizonMs !== undefined) this.#noteHorizon(newHorizonMs);
    else if (kept.hasTombstone && horizonMs !== undefined && horizonMs > this.#options.nowMs)
      this.#noteHorizon(horizonMs);
    if (kept.count === batch.recordCount && newHorizonMs === undefined) return bytes;
    return rewrite(batch, bytes, kept, newHorizonMs);
  }

  #noteHorizon(horizonMs: number): void {
    this.#nextHorizonMs = Math.min(this.#nextHorizonMs, horizonMs);
  }

  #keep(batch: BatchView, records: RawRecords, horizonMs: number | undefined): Kept {
    const { map, nowMs } = this.#options;
    const tombstonesGo = horizonMs !== undefined && horizonMs <= nowMs && this.#mayLoseTombstones(batch);
    // Most batches lose nothing: copying begins with the first record that goes.
    let output: Buffer | undefined;
    let length = 0;
    let count = 0;
    let hasTombstone = false;
    let maxTimestamp = -1;
    while (records.next()) {
      const { key, start, end, isTombstone } = records;
      const goes = key !== undefined && (map.get(key) > records.offset || (isTombstone && tombstonesGo));
      if (goes) {
        output ??= Buffer.from(records.bytes.subarray(records.from, records.to));
        continue;
      }
      output?.set(records.bytes.subarray(start, end), length);
      length += end - start;
      count++;
      hasTombstone ||= isTombstone && key !== undefined;
      maxTimestamp = Math.max(maxTimestamp, records.timestampMs);
    }
    if (batch.timestampType === 'LogAppendTime') maxTimestamp = batch.maxTimestamp;
    const kept = output?.subarray(0, length) ?? records.bytes.subarray(records.from, records.to);
    return { records: kept, count, hasTombstone, maxTimestamp };
  }

  #mayLoseTombstones(batch: BatchView): boolean {
    return !batch.isTransactional && batch.lastOffset < this.#options.mapEndOffset;
  }

  #isNewestOfProducer(batch: BatchView): boolean {
    return batch.producerId >= 0 && this.#options.lastOffsetOf(batch.producerId) === batch.lastOffset;
  }
}

/** From when on the batch's tombstones may go; undefined before a compaction has passed them. */
function horizonOf(batch: BatchView): number | undefined {
  return (batch.attributes & fields.deleteHorizonFlag) === 0 ? undefined : batch.baseTimestamp;
}

function rewrite(batch: BatchView, bytes: Uint8Array, kept: Kept, newHorizonMs: number | undefined): Uint8Array {
  const records =
    newHorizonMs === undefined ? kept.records : rebaseTimestamps(kept.records, batch.baseTimestamp - newHorizonMs);
  const payload = batch.compression === 'none' ? records : compress(batch.compression, records);
  const output = Buffer.alloc(fields.recordsPosition + payload.length);
  output.set(bytes.subarray(0, fields.recordsPosition));
  output.set(payload, fields.recordsPosition);
  output.writeInt32BE(kept.count, fields.recordCountPosition);
  output.writeBigInt64BE(BigInt(kept.maxTimestamp), fields.maxTimestampPosition);
  if (newHorizonMs !== undefined) {
    output.writeUInt16BE(batch.attributes | fields.deleteHorizonFlag, fields.attributesPosition);
    output.writeBigInt64BE(BigInt(newHorizonMs), fields.baseTimestampPosition);
  }
  return seal(output);
}

/** The header alone: offsets, producer and sequences, and the time of what was there, by which retention goes. */
function emptyBatch(bytes: Uint8Array): Uint8Array {
  const output = Buffer.from(bytes.subarray(0, fields.recordsPosition));
  const attributes = output.readUInt16BE(fields.attributesPosition);
  output.writeUInt16BE(attributes & ~(fields.compressionMask | fields.deleteHorizonFlag), fields.attributesPosition);
  output.writeInt32BE(0, fields.recordCountPosition);
  return seal(output);
}

function seal(batch: Buffer): Uint8Array {
  assert(batch.length >= fields.recordsPosition, 'a batch has its whole header');
  batch.writeInt32BE(batch.length - fields.batchLengthOverheadBytes, fields.batchLengthPosition);
  batch.writeUInt32BE(crc32c(batch, fields.attributesPosition), fields.crcPosition);
  return batch;
}
