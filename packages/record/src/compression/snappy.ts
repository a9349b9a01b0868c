/**
 * Snappy in the framing of snappy-java ("xerial"), which is what Kafka's Java client writes. All integers big endian.
 *
 *     8   magic 82 'S' 'N' 'A' 'P' 'P' 'Y' 00
 *     4   version, 1
 *     4   lowest version that can read it, 1
 *     then blocks to the end:
 *     4   length of the block
 *     -   a raw snappy block: varint of its decompressed length, then the data
 *
 * Whole streams may follow each other. Other clients write one raw block without any framing: that is read too.
 */
import { createRequire } from 'node:module';
import type * as Snappy from 'snappy';
import { corruptMessage } from '../corrupt-message.js';
import { decompressedTooLarge } from './decompressed-too-large.js';

const magic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const header = Buffer.concat([magic, Buffer.from([0, 0, 0, 1, 0, 0, 0, 1])]);
/** What snappy-java cuts its input into. */
const blockBytes = 32 * 1024;
/** A copy of three bytes makes at most 64: nothing in the format grows more. */
const maxGrowth = 22;

let loaded: typeof Snappy | undefined;

/** Loaded at first use: native code, and most processes never need it. */
function snappy(): typeof Snappy {
  loaded ??= createRequire(import.meta.url)('snappy') as typeof Snappy;
  return loaded;
}

export function compressSnappy(bytes: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [header];
  for (let start = 0; start < bytes.length; start += blockBytes) {
    const block = snappy().compressSync(bytes.subarray(start, start + blockBytes), { copyOutputData: true });
    const length = Buffer.allocUnsafe(4);
    length.writeInt32BE(block.length);
    parts.push(length, block);
  }
  return Buffer.concat(parts);
}

export function decompressSnappy(bytes: Uint8Array, maxBytes: number): Uint8Array {
  if (!startsWithMagic(bytes, 0)) return rawBlock(bytes, declaredBytes(bytes, 0, bytes.length, maxBytes));

  let total = 0;
  forEachBlock(bytes, (start, end) => {
    total += declaredBytes(bytes, start, end, maxBytes - total);
  });
  const result = Buffer.allocUnsafe(total);
  let position = 0;
  forEachBlock(bytes, (start, end) => {
    const declared = declaredBytes(bytes, start, end, maxBytes);
    result.set(rawBlock(bytes.subarray(start, end), declared), position);
    position += declared;
  });
  return result;
}

function startsWithMagic(bytes: Uint8Array, position: number): boolean {
  return bytes.length - position >= magic.length && magic.compare(bytes, position, position + magic.length) === 0;
}

/** Calls back with the bounds of each raw block. */
function forEachBlock(bytes: Uint8Array, visit: (start: number, end: number) => void): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let position = 0;
  while (position < bytes.length) {
    if (startsWithMagic(bytes, position)) {
      position += header.length;
      if (position > bytes.length) throw corruptMessage('it ends inside the snappy header');
      if (view.getInt32(position - 4) !== 1) throw corruptMessage('the snappy stream needs a version we do not know');
      continue;
    }
    if (bytes.length - position < 4) throw corruptMessage('it ends inside a snappy block length');
    const length = view.getInt32(position);
    const start = position + 4;
    if (length <= 0 || length > bytes.length - start) throw corruptMessage('a snappy block is cut off');
    visit(start, start + length);
    position = start + length;
  }
}

/** The decompressed length that a raw block declares, once it is plausible and within the limit. */
function declaredBytes(bytes: Uint8Array, start: number, end: number, maxBytes: number): number {
  let declared = 0;
  let position = start;
  for (let scale = 1; ; scale *= 128) {
    if (position >= end || position - start === 5) throw corruptMessage('a snappy block declares no length');
    const byte = bytes[position++]!;
    declared += (byte & 0x7f) * scale;
    if (byte < 0x80) break;
  }
  if (declared > maxBytes) throw decompressedTooLarge('snappy', maxBytes);
  if (declared > (end - position) * maxGrowth) throw corruptMessage('a snappy block declares more than it can hold');
  return declared;
}

function rawBlock(block: Uint8Array, declared: number): Uint8Array {
  let result: Uint8Array | string;
  try {
    result = snappy().uncompressSync(block, { asBuffer: true, copyOutputData: true });
  } catch (error) {
    throw corruptMessage('the snappy data does not decompress', error);
  }
  if (typeof result === 'string' || result.length !== declared) {
    throw corruptMessage('a snappy block does not have the length it declares');
  }
  return result;
}
