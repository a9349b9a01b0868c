/**
 * How the records of a batch are compressed: the codes of the batch attributes, and one way in and out for all.
 *
 * `decompress` is bounded: it finds out how much the input will grow to from its framing, before any memory is taken,
 * and refuses what would pass the caller's limit. A codec that cannot tell is bounded while it runs.
 */
import { assert } from '@millrace/base';
import { decompressedTooLarge } from './decompressed-too-large.js';
import { gunzip, gzip } from './gzip.js';
import { compressLz4, decompressLz4 } from './lz4.js';
import { compressSnappy, decompressSnappy } from './snappy.js';
import { compressZstd, decompressZstd, loadZstd } from './zstd.js';

/** By code. */
const names = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;

export type Compression = (typeof names)[number];

/** All compressions, by their code in the batch attributes. */
export const compressions: readonly Compression[] = names;

export function compressionCode(compression: Compression): number {
  const code = names.indexOf(compression);
  assert(code >= 0, `unknown compression ${JSON.stringify(compression)}`);
  return code;
}

/** Makes `compress` and `decompress` ready for this compression. Only zstd, on a Node.js without it, takes time. */
export function loadCompression(compression: Compression): Promise<void> {
  return compression === 'zstd' ? loadZstd() : Promise.resolve();
}

export function compress(compression: Compression, bytes: Uint8Array): Uint8Array {
  switch (compression) {
    case 'none':
      return bytes;
    case 'gzip':
      return gzip(bytes);
    case 'snappy':
      return compressSnappy(bytes);
    case 'lz4':
      return compressLz4(bytes);
    case 'zstd':
      return compressZstd(bytes);
  }
}

/** Throws `CORRUPT_MESSAGE`, or `DECOMPRESSED_TOO_LARGE` when the result would be longer than `maxBytes`. */
export function decompress(compression: Compression, bytes: Uint8Array, maxBytes: number): Uint8Array {
  assert(Number.isSafeInteger(maxBytes) && maxBytes > 0, `maxBytes must be a whole number from 1, got ${maxBytes}`);
  switch (compression) {
    case 'none':
      if (bytes.length > maxBytes) throw decompressedTooLarge(compression, maxBytes);
      return bytes;
    case 'gzip':
      return gunzip(bytes, maxBytes);
    case 'snappy':
      return decompressSnappy(bytes, maxBytes);
    case 'lz4':
      return decompressLz4(bytes, maxBytes);
    case 'zstd':
      return decompressZstd(bytes, maxBytes);
  }
}
