/**
 * The producer state of a partition as of one offset, in `<20-digit offset>.snapshot`:
 *
 *      0  u32  magic "MRPS"
 *      4  u32  CRC-32C of all that follows
 *      8  u16  version, 2
 *     10  u16  0
 *     12  u32  number of producers
 *     16  u64  offset: the state after all batches below it
 *     24  i32  leader epoch of the batch before that offset; -1 when there is none
 *     28  u32  number of open transactions
 *     32  u32  number of ended transactions
 *     36  u32  number of aborted transactions
 *     40  producers, each:
 *              0  u64  producer id
 *              8  u64  last activity, ms, broker's clock
 *             16  i16  producer epoch
 *             18  u16  number of remembered batches, 0 to 5
 *             20  i32  coordinator epoch of the newest marker, -1
 *             24  i64  offset of the newest marker, -1
 *             32  batches, oldest first, each:  u32 first sequence, u32 last sequence, u64 last offset, i64 timestamp
 *         open transactions, oldest first, each:  u64 producer id, u64 first offset
 *         ended transactions, by marker, each:    u64 first offset, u64 marker's offset
 *         aborted transactions, by marker, each:  u64 producer id, u64 first offset, u64 marker's offset,
 *                                                 u64 first offset of the oldest one that was open then
 *
 * Big endian. One of version 1, from before there were transactions, is not read: the state is replayed. By log matching, an equal (offset, leader epoch) means an equal log below the offset: that is how a
 * snapshot that survived a truncation of its log is told from one that fits. A snapshot that is damaged, or does not
 * fit, or does not name the offset of its file name, is worth nothing: the state is replayed from the log instead.
 */
import { crc32c } from '@millrace/record';
import type { TransactionsSnapshot } from './partition-transactions.js';
import { batchesRemembered, ProducerEntry, type RememberedBatch } from './producer-entry.js';

const magic = 0x4d525053;
const version = 2;
const headerBytes = 40;
const producerBytes = 32;
const batchBytes = 24;
const openBytes = 16;
const endedBytes = 16;
const abortedBytes = 32;

export interface ProducerSnapshot {
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly entries: readonly ProducerEntry[];
  readonly transactions: TransactionsSnapshot;
}

export function encodeProducerSnapshot(snapshot: ProducerSnapshot): Uint8Array {
  const { open, ended, aborted } = snapshot.transactions;
  let sizeBytes = headerBytes + open.length * openBytes + ended.length * endedBytes + aborted.length * abortedBytes;
  for (const entry of snapshot.entries) sizeBytes += producerBytes + entry.batches.length * batchBytes;
  const buffer = Buffer.alloc(sizeBytes);
  buffer.writeUInt32BE(magic, 0);
  buffer.writeUInt16BE(version, 8);
  buffer.writeUInt32BE(snapshot.entries.length, 12);
  writeLong(buffer, snapshot.offset, 16);
  buffer.writeInt32BE(snapshot.leaderEpoch, 24);
  buffer.writeUInt32BE(open.length, 28);
  buffer.writeUInt32BE(ended.length, 32);
  buffer.writeUInt32BE(aborted.length, 36);
  let position = headerBytes;
  for (const entry of snapshot.entries) position = writeEntry(buffer, position, entry);
  writeTransactions(buffer, position, snapshot.transactions);
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
  const transactions = readTransactions(buffer, position);
  if (transactions === undefined) return undefined;
  return { offset: readLong(buffer, 16), leaderEpoch: buffer.readInt32BE(24), entries, transactions };
}

function writeTransactions(buffer: Buffer, start: number, { open, ended, aborted }: TransactionsSnapshot): void {
  let position = start;
  const write = (value: number): void => {
    writeLong(buffer, value, position);
    position += 8;
  };
  for (const { producerId, firstOffset } of open) for (const value of [producerId, firstOffset]) write(value);
  for (const { firstOffset, lastOffset } of ended) for (const value of [firstOffset, lastOffset]) write(value);
  for (const { producerId, firstOffset, lastOffset, openFromOffset } of aborted)
    for (const value of [producerId, firstOffset, lastOffset, openFromOffset]) write(value);
}

/** Undefined unless they take exactly the rest of the bytes. */
function readTransactions(buffer: Buffer, start: number): TransactionsSnapshot | undefined {
  const counts = { open: buffer.readUInt32BE(28), ended: buffer.readUInt32BE(32), aborted: buffer.readUInt32BE(36) };
  const sizeBytes = counts.open * openBytes + counts.ended * endedBytes + counts.aborted * abortedBytes;
  if (start + sizeBytes !== buffer.length) return undefined;
  let position = start;
  const read = (): number => {
    position += 8;
    return readLong(buffer, position - 8);
  };
  return {
    open: Array.from({ length: counts.open }, () => ({ producerId: read(), firstOffset: read() })),
    ended: Array.from({ length: counts.ended }, () => ({ firstOffset: read(), lastOffset: read() })),
    aborted: Array.from({ length: counts.aborted }, () => ({
      producerId: read(),
      firstOffset: read(),
      lastOffset: read(),
      openFromOffset: read(),
    })),
  };
}

function writeEntry(buffer: Buffer, start: number, entry: ProducerEntry): number {
  writeLong(buffer, entry.producerId, start);
  writeLong(buffer, entry.lastActivityMs, start + 8);
  buffer.writeInt16BE(entry.epoch, start + 16);
  buffer.writeUInt16BE(entry.batches.length, start + 18);
  buffer.writeInt32BE(entry.coordinatorEpoch, start + 20);
  writeLong(buffer, entry.markerOffset, start + 24);
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
  entry.coordinatorEpoch = buffer.readInt32BE(start + 20);
  entry.markerOffset = readLong(buffer, start + 24);
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
