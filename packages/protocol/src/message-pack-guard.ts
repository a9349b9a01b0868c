/**
 * Walks MessagePack bytes before they are decoded, and refuses what no message of ours holds: extension types (the
 * decoder would build errors, dates and record definitions from them), the unused byte 0xc1, counts larger than the
 * bytes that are left, deep nesting, more items than a budget, keys that are not short text, text that is not UTF-8,
 * and bytes after the end. What passes cannot make the decoder allocate out of proportion or return odd objects.
 *
 * One loop, no recursion: the nesting is a small stack of counts.
 */
import { isUtf8 } from 'node:buffer';
import { protocolError } from './protocol-error.js';

export interface GuardLimits {
  /** Maps, arrays and values in all. */
  readonly maxItems: number;
}

export const maxDepth = 16;
/** Of one map. No message has maps with keys of the sender's choice. */
export const maxKeysPerMap = 64;
export const maxKeyBytes = 64;

/** Items still to come at each level; maps count their keys and values. */
const pending = new Int32Array(maxDepth + 1);
/** Whether the level is a map, where items alternate between key and value. */
const inMap = new Uint8Array(maxDepth + 1);

/** Throws INVALID_REQUEST saying what is wrong and where. */
export function guardMessagePack(bytes: Uint8Array, limits: GuardLimits): void {
  const end = bytes.length;
  let position = 0;
  let items = 0;
  let depth = 0;
  pending[0] = 1;
  inMap[0] = 0;

  for (;;) {
    let left = pending[depth] ?? 0;
    while (left === 0) {
      if (depth === 0) {
        if (position !== end) refuse('has bytes after its end', position);
        return;
      }
      depth -= 1;
      left = pending[depth] ?? 0;
    }
    // Keys come before their values, so within a map an even number of items left means that a key is next.
    const isKey = inMap[depth] === 1 && (left & 1) === 0;
    pending[depth] = left - 1;

    if (position >= end) refuse('ends too early', position);
    items += 1;
    if (items > limits.maxItems) refuse(`has more than ${limits.maxItems} items`, position);
    const start = position;
    const type = bytes[position] ?? 0;
    position += 1;

    let textBytes = -1;
    let children = -1;
    let isMap = false;
    let skip = 0;

    if (type < 0x80 || type >= 0xe0) skip = 0;
    else if (type < 0x90) {
      children = type & 0x0f;
      isMap = true;
    } else if (type < 0xa0) children = type & 0x0f;
    else if (type < 0xc0) textBytes = type & 0x1f;
    else {
      const width = lengthWidth[type - 0xc0] ?? 0;
      const kind = kinds[type - 0xc0] ?? refused;
      if (position + width > end) refuse('ends too early', start);
      let count = 0;
      for (let index = 0; index < width; index += 1) count = count * 256 + (bytes[position + index] ?? 0);
      position += width;
      if (kind === scalar) skip = scalarBytes[type - 0xc0] ?? 0;
      else if (kind === binary) skip = count;
      else if (kind === string) textBytes = count;
      else if (kind === array) children = count;
      else if (kind === map) {
        children = count;
        isMap = true;
      } else refuse(`has the type byte 0x${type.toString(16)}, which messages do not use`, start);
    }

    if (isKey && textBytes < 0) refuse('has a map key that is not text', start);
    if (children >= 0) {
      if (isMap && children > maxKeysPerMap) refuse(`has a map of more than ${maxKeysPerMap} keys`, start);
      const total = isMap ? children * 2 : children;
      if (total > end - position) refuse('has a count larger than the bytes that are left', start);
      depth += 1;
      if (depth > maxDepth) refuse(`is nested deeper than ${maxDepth}`, start);
      pending[depth] = total;
      inMap[depth] = isMap ? 1 : 0;
    } else if (textBytes >= 0) {
      if (textBytes > end - position) refuse('has a text longer than the bytes that are left', start);
      checkText(bytes, position, textBytes, isKey);
      position += textBytes;
    } else {
      if (skip > end - position) refuse('ends too early', start);
      position += skip;
    }
  }
}

const scalar = 0;
const binary = 1;
const string = 2;
const array = 3;
const map = 4;
const refused = 5;

/** By type byte from 0xc0: nil, unused, false, true, bin x3, ext x3, float x2, uint x4, int x4, fixext x5, str x3, ... */
// prettier-ignore
const kinds = [
  scalar, refused, scalar, scalar, binary, binary, binary, refused, refused, refused, scalar, scalar, scalar, scalar, scalar, scalar,
  scalar, scalar, scalar, scalar, refused, refused, refused, refused, refused, string, string, string, array, array, map, map,
];
/** Bytes of the length field that follows the type byte. */
const lengthWidth = [0, 0, 0, 0, 1, 2, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 2, 4, 2, 4];
/** Bytes of the value that follows the type byte of a scalar. */
const scalarBytes = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

function checkText(bytes: Uint8Array, position: number, length: number, isKey: boolean): void {
  if (isKey && length > maxKeyBytes) refuse(`has a map key longer than ${maxKeyBytes} bytes`, position);
  for (let index = position; index < position + length; index += 1) {
    if ((bytes[index] ?? 0) >= 0x80) {
      if (!isUtf8(bytes.subarray(index, position + length))) refuse('has text that is not UTF-8', position);
      break;
    }
  }
  if (isKey && length === protoKey.length && isProtoKey(bytes, position)) {
    refuse('has a map key named __proto__', position);
  }
}

const protoKey = Buffer.from('__proto__');

function isProtoKey(bytes: Uint8Array, position: number): boolean {
  return protoKey.every((byte, index) => bytes[position + index] === byte);
}

function refuse(what: string, position: number): never {
  throw protocolError('INVALID_REQUEST', `The body ${what} (at byte ${position}).`);
}
