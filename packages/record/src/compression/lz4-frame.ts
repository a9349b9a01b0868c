/**
 * Walks LZ4 frames without decompressing: where each frame ends and how long its content will be. Little endian.
 *
 *     4      magic 04 22 4D 18
 *     1      FLG: version (bits 7-6) 01, independent blocks 5, block checksum 4, content size 3, content checksum 2,
 *            reserved 1, dictionary 0
 *     1      BD: maximum size of a block (bits 6-4): 4 = 64 KiB, 5 = 256 KiB, 6 = 1 MiB, 7 = 4 MiB
 *     0 / 8  content size
 *     1      header checksum
 *     blocks 4 length (top bit: stored as it is), data, 0 / 4 checksum; a length of 0 ends them
 *     0 / 4  content checksum
 *
 * Frames follow each other; skippable frames (magic 5x 2A 4D 18, 4 length) hold no content.
 */
import { corruptMessage } from '../corrupt-message.js';

const frameMagic = 0x184d2204;
const skippableMagic = 0x184d2a50;
/** A sequence can repeat one byte 255 times for each byte of its length. */
const maxGrowth = 255;

export interface Lz4Frame {
  readonly start: number;
  readonly end: number;
  /** The content is no longer than this. */
  readonly boundBytes: number;
}

/** The frames with content. Their bounds are exact when the rough ones, together, pass `maxBytes`. */
export function lz4Frames(bytes: Uint8Array, maxBytes: number): Lz4Frame[] {
  const rough = walkFrames(bytes, false);
  const total = rough.reduce((sum, frame) => sum + frame.boundBytes, 0);
  return total <= maxBytes ? rough : walkFrames(bytes, true);
}

function walkFrames(bytes: Uint8Array, exact: boolean): Lz4Frame[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const frames: Lz4Frame[] = [];
  let position = 0;
  while (position < bytes.length) {
    need(bytes, position, 8);
    const magic = view.getUint32(position, true);
    if ((magic & ~0xf) === skippableMagic) {
      const length = view.getUint32(position + 4, true);
      need(bytes, position + 8, length);
      position += 8 + length;
      continue;
    }
    if (magic !== frameMagic) throw corruptMessage('the lz4 data does not start with a frame');
    const frame = walkFrame(bytes, view, position, exact);
    frames.push(frame);
    position = frame.end;
  }
  return frames;
}

function walkFrame(bytes: Uint8Array, view: DataView, start: number, exact: boolean): Lz4Frame {
  const flags = bytes[start + 4]!;
  if (flags >>> 6 !== 1) throw corruptMessage('the lz4 frame has a version we do not know');
  if ((flags & 0b11) !== 0) throw corruptMessage('the lz4 frame needs a dictionary or sets a reserved bit');
  const blockSizeCode = (bytes[start + 5]! >>> 4) & 7;
  if (blockSizeCode < 4) throw corruptMessage('the lz4 frame has an unknown block size');
  const maxBlockBytes = 1 << (8 + 2 * blockSizeCode);
  const blockChecksumBytes = (flags & 0x10) !== 0 ? 4 : 0;
  const contentChecksumBytes = (flags & 0x04) !== 0 ? 4 : 0;

  let position = start + 6 + ((flags & 0x08) !== 0 ? 8 : 0) + 1;
  let boundBytes = 0;
  for (;;) {
    need(bytes, position, 4);
    const word = view.getUint32(position, true);
    position += 4;
    if (word === 0) break;
    const length = word & 0x7fff_ffff;
    if (length > maxBlockBytes) throw corruptMessage('an lz4 block is larger than its frame allows');
    need(bytes, position, length + blockChecksumBytes);
    const isStored = word >= 0x8000_0000;
    if (isStored) boundBytes += length;
    else if (exact) boundBytes += lz4BlockContentBytes(bytes, position, position + length);
    else boundBytes += Math.min(maxBlockBytes, length * maxGrowth);
    position += length + blockChecksumBytes;
  }
  need(bytes, position, contentChecksumBytes);
  return { start, end: position + contentChecksumBytes, boundBytes };
}

/**
 * The content length of a compressed block: the sum over its sequences of literals and match.
 *
 *     1 token (literal length, match length - 4), 0-n more of the literal length, literals,
 *     2 offset, 0-n more of the match length; the last sequence ends after its literals
 */
export function lz4BlockContentBytes(bytes: Uint8Array, start: number, end: number): number {
  let total = 0;
  let position = start;
  while (position < end) {
    const token = bytes[position++]!;
    let literals = token >>> 4;
    if (literals === 15) {
      let byte: number;
      do {
        need(bytes, position, 1);
        byte = bytes[position++]!;
        literals += byte;
      } while (byte === 255 && position < end);
    }
    position += literals;
    total += literals;
    if (position >= end) break;
    position += 2;
    let match = (token & 15) + 4;
    if ((token & 15) === 15) {
      let byte: number;
      do {
        need(bytes, position, 1);
        byte = bytes[position++]!;
        match += byte;
      } while (byte === 255 && position < end);
    }
    total += match;
  }
  return total;
}

function need(bytes: Uint8Array, position: number, length: number): void {
  if (length > bytes.length - position) throw corruptMessage('the lz4 data is cut off');
}
