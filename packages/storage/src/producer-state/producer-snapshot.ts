/**
 * The producer state of a partition as of one offset, in `<20-digit offset>.snapshot`:
 *
 *      0  u32  magic "MRPS"
 *      4  u32  CRC-32C of all that follows
 *      8  u16  version, 1
 *     10  u16  0
 *     12  u32  number of producers
 *     16  u64  offset: the state after all batches below it
 *     24  i32  leader epoch of the batch before that offset; -1 when there is none
 *     28  u32  0
 *     32  producers, each:
 *              0  u64  producer id
 *              8  u64  last activity, ms, broker's clock
 *             16  i16  producer epoch
 *             18  u16  number of remembered batches, 0 to 5
 *             20  batches, oldest first, each:  u32 first sequence, u32 last sequence, u64 last offset, i64 timestamp
 *
 * Big endian. By log matching, an equal (offset, leader epoch) means an equal log below the offset: that is how a
 * snapshot that survived a truncation of its log is told from one that fits. A snapshot that is damaged, or does not
 * fit, or does not name the offset of its file name, is worth nothing: the state is replayed from the log instead.
 */
import { crc32c } from '@millrace/record';
import { batchesRemembered, ProducerEntry, type RememberedBatch } from './producer-entry.js';

const magic = 0x4d525053;
const version = 1;
const headerBytes = 32;
const producerBytes = 20;
const batchBytes = 24;

export interface ProducerSnapshot {
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly entries: readonly ProducerEntry[];
}

export function encodeProducerSnapshot(snapshot: ProducerSnapshot): Uint8Array {
  let sizeBytes = headerBytes;
  for (const entry of snapshot.entries) sizeBytes += producerBytes + entry.batches.length * batchBytes;
  const buffer = Buffer.alloc(sizeBytes);
  buffer.writeUInt32BE(magic, 0);
  buffer.writeUInt16BE(version, 8);
  buffer.writeUInt32BE(snapshot.entries.length, 12);
  writeLong(buffer, snapshot.offset, 16);
  buffer.writeInt32BE(snapshot.leaderEpoch, 24);
  let position = headerBytes;
  for (const entry of snapshot.entries) position = writeEntry(buffer, position, entry);
  buffer.writeUInt32BE(crc32c(buffer, 8), 4);
  return buffer;
}

/** Undefined when the bytes are not one whole, undamaged snapshot. */
export function decodeProducerSnapshot(bytes: Uint8Array): ProducerSnapshot | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (buffer.length < headerBytes || buffer.readUInt32BE(0) !== magic) return undefined;
  if (buffer.readUInt32BE(4) !== crc32c(buffer, 8) || buffer.readUInt16BE(8) !== version) return undefined;
  const count = buffer.readUInt32BE(12);
  const entries: ProducerEntry[] = [];
  let position = headerBytes;
  for (let index = 0; index < count; index++) {
    if (position + producerBytes > buffer.length) return undefined;
    const entry = readEntry(buffer, position);
    if (entry === undefined) return undefined;
    entries.push(entry);
    position += producerBytes + entry.batches.length * batchBytes;
  }
  if (position !== buffer.length) return undefined;
  return { offset: readLong(buffer, 16), leaderEpoch: buffer.readInt32BE(24), entries };
}

function writeEntry(buffer: Buffer, start: number, entry: ProducerEntry): number {
  writeLong(buffer, entry.producerId, start);
  writeLong(buffer, entry.lastActivityMs, start + 8);
  buffer.writeInt16BE(entry.epoch, start + 16);
  buffer.writeUInt16BE(entry.batches.length, start + 18);
  let position = start + producerBytes;
  for (const batch of entry.batches) {
    buffer.writeUInt32BE(batch.firstSequence, position);
    buffer.writeUInt32BE(batch.lastSequence, position + 4);
    writeLong(buffer, batch.lastOffset, position + 8);
    writeLong(buffer, batch.timestampMs, position + 16);
    position += batchBytes;
  }
  return position;
}

function readEntry(buffer: Buffer, start: number): ProducerEntry | undefined {
  const count = buffer.readUInt16BE(start + 18);
  if (count > batchesRemembered || start + producerBytes + count * batchBytes > buffer.length) return undefined;
  const entry = new ProducerEntry(readLong(buffer, start), buffer.readInt16BE(start + 16), readLong(buffer, start + 8));
  for (let index = 0; index < count; index++)
    entry.batches.push(readBatch(buffer, start + producerBytes + index * batchBytes));
  return entry;
}

function readBatch(buffer: Buffer, start: number): RememberedBatch {
  return {
    firstSequence: buffer.readUInt32BE(start),
    lastSequence: buffer.readUInt32BE(start + 4),
    lastOffset: readLong(buffer, start + 8),
    timestampMs: readLong(buffer, start + 16),
  };
}

function writeLong(buffer: Buffer, value: number, position: number): void {
  buffer.writeInt32BE(Math.floor(value / 2 ** 32), position);
  buffer.writeUInt32BE(((value % 2 ** 32) + 2 ** 32) % 2 ** 32, position + 4);
}

function readLong(buffer: Buffer, position: number): number {
  return buffer.readInt32BE(position) * 2 ** 32 + buffer.readUInt32BE(position + 4);
}
