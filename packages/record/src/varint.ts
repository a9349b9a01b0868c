/**
 * Zigzag varints, as in Protocol Buffers: 7 bits a byte, low bits first, the top bit says that more follow.
 *
 *     value      0  -1   1  -2  ...   n >= 0: 2n   n < 0: -2n - 1
 *     unsigned   0   1   2   3
 *
 * A varint is a 32-bit integer in 1 to 5 bytes. A varlong is a 64-bit one in up to 10; ours ends at +-(2^53-1), so 8
 * bytes. Each value has one encoding: a longer one (padded with zero bits) is corrupt.
 */
import { corruptMessage } from './corrupt-message.js';

const two27 = 0x800_0000;
const two28 = 0x1000_0000;
/** What one of the eighth byte stands for: no safe integer has a ninth. */
const lastScale = 2 ** 48;
/** A varlong that fits the 32-bit path: |value| < 2^30. */
const smallLimit = 0x4000_0000;

/** Bytes that `writeVarint` takes for this 32-bit value. */
export function varintBytes(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  if (zigzag < 0x80) return 1;
  if (zigzag < 0x4000) return 2;
  if (zigzag < 0x20_0000) return 3;
  return zigzag < two28 ? 4 : 5;
}

/** Writes a 32-bit value; returns the position after it. */
export function writeVarint(bytes: Uint8Array, position: number, value: number): number {
  let rest = (value << 1) ^ (value >> 31);
  while ((rest & ~0x7f) !== 0) {
    bytes[position++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[position] = rest;
  return position + 1;
}

/** Bytes that `writeVarlong` takes for this safe integer. */
export function varlongBytes(value: number): number {
  if (value > -smallLimit && value < smallLimit) return varintBytes(value);
  let rest = Math.floor((value < 0 ? -value - 1 : value) / two27);
  let count = 4;
  for (; rest > 0; rest = Math.floor(rest / 128)) count++;
  return count;
}

/** Writes a safe integer; returns the position after it. */
export function writeVarlong(bytes: Uint8Array, position: number, value: number): number {
  if (value > -smallLimit && value < smallLimit) return writeVarint(bytes, position, value);
  // Zigzag doubles the value, which may pass 2^53: the sign bit joins the low 27 bits, the rest stays a plain number.
  const magnitude = value < 0 ? -value - 1 : value;
  let low = (magnitude % two27) * 2 + (value < 0 ? 1 : 0);
  for (let index = 0; index < 4; index++) {
    bytes[position++] = (low & 0x7f) | 0x80;
    low >>>= 7;
  }
  let rest = Math.floor(magnitude / two27);
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes[position++] = (rest % 128) | 0x80;
  bytes[position] = rest;
  return position + 1;
}

/** Reads varints one after another, never past `end`. */
export class VarintReader {
  bytes: Uint8Array;
  position: number;
  /** No byte at or after this is read. */
  end: number;

  constructor(bytes: Uint8Array, position: number, end: number) {
    this.bytes = bytes;
    this.position = position;
    this.end = end;
  }

  readVarint(): number {
    const bytes = this.bytes;
    let position = this.position;
    if (position >= this.end) throw truncated();
    let byte = bytes[position++]!;
    if (byte < 0x80) {
      this.position = position;
      return (byte >>> 1) ^ -(byte & 1);
    }
    let zigzag = byte & 0x7f;
    for (let shift = 7; ; shift += 7) {
      if (position >= this.end) throw truncated();
      byte = bytes[position++]!;
      if (shift === 28 && byte > 0x0f) throw corruptMessage('a varint has more than 32 bits');
      zigzag |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    if (byte === 0) throw overlong();
    this.position = position;
    return (zigzag >>> 1) ^ -(zigzag & 1);
  }

  readVarlong(): number {
    const bytes = this.bytes;
    // The first four bytes fit an integer; longer ones continue in floating point, exact to 2^53.
    let position = this.position;
    let low = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      if (position >= this.end) throw truncated();
      const byte = bytes[position++]!;
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (byte === 0 && shift > 0) throw overlong();
        this.position = position;
        return (low >>> 1) ^ -(low & 1);
      }
    }
    let magnitude = low >>> 1;
    for (let scale = two27; scale <= lastScale; scale *= 128) {
      if (position >= this.end) throw truncated();
      const byte = bytes[position++]!;
      magnitude += (byte & 0x7f) * scale;
      if (byte >= 0x80) continue;
      if (byte === 0) throw overlong();
      const value = (low & 1) === 0 ? magnitude : -magnitude - 1;
      if (!Number.isSafeInteger(value)) break;
      this.position = position;
      return value;
    }
    throw corruptMessage('a varlong is outside +-(2^53-1)');
  }
}

function truncated(): Error {
  return corruptMessage('it ends inside a varint');
}

function overlong(): Error {
  return corruptMessage('a varint is longer than its value needs');
}
