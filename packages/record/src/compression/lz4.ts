/**
 * LZ4 frames, with independent blocks as Kafka's Java client needs them.
 *
 * The codec has no limit of its own and reads only the first of several frames: both are done here, by walking the
 * frames first.
 */
import { createRequire } from 'node:module';
import type * as Lz4 from 'lz4-napi';
import { corruptMessage } from '../corrupt-message.js';
import { decompressedTooLarge } from './decompressed-too-large.js';
import { lz4Frames } from './lz4-frame.js';

let loaded: typeof Lz4 | undefined;

/** Loaded at first use: native code, and most processes never need it. */
function lz4(): typeof Lz4 {
  loaded ??= createRequire(import.meta.url)('lz4-napi') as typeof Lz4;
  return loaded;
}

export function compressLz4(bytes: Uint8Array): Uint8Array {
  return lz4().compressFrameSync(asBuffer(bytes));
}

export function decompressLz4(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const frames = lz4Frames(bytes, maxBytes);
  const bound = frames.reduce((sum, frame) => sum + frame.boundBytes, 0);
  if (bound > maxBytes) throw decompressedTooLarge('lz4', maxBytes);
  const contents = frames.map((frame) => decompressFrame(bytes.subarray(frame.start, frame.end)));
  return contents.length === 1 ? contents[0]! : Buffer.concat(contents);
}

function decompressFrame(frame: Uint8Array): Uint8Array {
  try {
    return lz4().decompressFrameSync(asBuffer(frame));
  } catch (error) {
    throw corruptMessage('the lz4 data does not decompress', error);
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
