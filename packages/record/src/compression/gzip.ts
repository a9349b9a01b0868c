/** gzip by zlib: one member is written; several in a row are read, as the format allows. */
import { gunzipSync, gzipSync } from 'node:zlib';
import { errorCode } from '@millrace/base';
import { corruptMessage } from '../corrupt-message.js';
import { decompressedTooLarge } from './decompressed-too-large.js';

/** Ten bytes of header, two of an empty body, eight of trailer. */
const minMemberBytes = 20;
/** Deflate spends at least two bits on 258 bytes. */
const maxGrowth = 1032;
/** Of output: zlib takes no less than the first, and the second is as much as a wrong hint may cost. */
const minChunkBytes = 64;
const maxChunkBytes = 1 << 20;

export function gzip(bytes: Uint8Array): Uint8Array {
  return gzipSync(bytes);
}

export function gunzip(bytes: Uint8Array, maxBytes: number): Uint8Array {
  if (bytes.length < minMemberBytes) throw corruptMessage('the gzip data is too short');
  // The trailer of the last member ends with its size (modulo 2^32). zlib proves it right at the end; until then it is
  // a hint good enough to refuse an honest bomb at once and to take the output in one piece.
  const trailer = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - 4, 4);
  const lastMemberBytes = trailer.getUint32(0, true);
  if (lastMemberBytes > bytes.length * maxGrowth) throw corruptMessage('the gzip data declares more than it can hold');
  if (lastMemberBytes > maxBytes) throw decompressedTooLarge('gzip', maxBytes);
  const chunkSize = Math.min(Math.max(lastMemberBytes, minChunkBytes), maxChunkBytes);
  const { buffer, engine } = inflate(bytes, { maxOutputLength: maxBytes, chunkSize, info: true });
  // zlib stops without a word at zero bytes after a member.
  if (engine.bytesWritten !== bytes.length) throw corruptMessage('bytes follow the gzip data');
  return buffer;
}

interface Inflated {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}

function inflate(bytes: Uint8Array, options: { maxOutputLength: number; chunkSize: number; info: true }): Inflated {
  try {
    return gunzipSync(bytes, options) as unknown as Inflated;
  } catch (error) {
    if (errorCode(error) === 'ERR_BUFFER_TOO_LARGE') throw decompressedTooLarge('gzip', options.maxOutputLength);
    throw corruptMessage('the gzip data does not decompress', error);
  }
}
