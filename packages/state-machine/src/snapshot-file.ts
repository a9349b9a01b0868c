/**
 * The bytes of one snapshot file (big endian):
 *
 *      0  magic        8 bytes  "MRSNAP" 0x00 0x01 (the last byte is the format's version)
 *      8  position     u64      end of the entries whose effect the snapshot holds
 *     16  body length  u64
 *     24  body CRC-32  u32
 *     28  header CRC-32 u32     over bytes 0-27
 *     32  body         chunks: u32 length, then that many bytes
 *
 * A file is written whole under another name, synced, then renamed; so a file under its real name that fails a check
 * here was damaged later, and is never a half-written one.
 */
import { crc32 } from 'node:zlib';
import { MillraceError } from '@millrace/base';

const magic = Buffer.from('MRSNAP\u0000\u0001', 'latin1');
const headerBytes = 32;

export interface Snapshot {
  readonly position: number;
  readonly chunks: readonly Uint8Array[];
}

export function encodeSnapshot(position: number, chunks: Iterable<Uint8Array>): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const chunk of chunks) {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(chunk.length);
    parts.push(length, chunk);
  }
  const body = Buffer.concat(parts);
  const header = Buffer.alloc(headerBytes);
  magic.copy(header);
  header.writeBigUInt64BE(BigInt(position), 8);
  header.writeBigUInt64BE(BigInt(body.length), 16);
  header.writeUInt32BE(crc32(body), 24);
  header.writeUInt32BE(crc32(header.subarray(0, 28)), 28);
  return Buffer.concat([header, body]);
}

/** Throws `CORRUPT_SNAPSHOT` for anything that {@link encodeSnapshot} did not write. The chunks are views of `bytes`. */
export function decodeSnapshot(bytes: Uint8Array): Snapshot {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < headerBytes) throw corrupt(`it has ${buffer.length} bytes, fewer than its header`);
  if (!buffer.subarray(0, magic.length).equals(magic))
    throw corrupt('it does not begin as a snapshot of this version does');
  if (buffer.readUInt32BE(28) !== crc32(buffer.subarray(0, 28))) throw corrupt('the checksum of its header is wrong');
  const position = Number(buffer.readBigUInt64BE(8));
  const body = buffer.subarray(headerBytes);
  if (buffer.readBigUInt64BE(16) !== BigInt(body.length))
    throw corrupt(`its body has ${body.length} bytes, not as many as it says`);
  if (buffer.readUInt32BE(24) !== crc32(body)) throw corrupt('the checksum of its body is wrong');
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < body.length;) {
    const end = at + 4 <= body.length ? at + 4 + body.readUInt32BE(at) : Infinity;
    if (end > body.length) throw corrupt(`the chunk at byte ${headerBytes + at} reaches past its end`);
    chunks.push(body.subarray(at + 4, end));
    at = end;
  }
  return { position, chunks };
}

function corrupt(why: string): MillraceError {
  return new MillraceError('CORRUPT_SNAPSHOT', `The snapshot is damaged: ${why}.`);
}
