/**
 * zstd: by zlib where Node.js has it (22.15 and later), else by WebAssembly, which must be loaded first.
 *
 * Frames are decompressed one by one, each into memory that the walk over it has bounded: the WebAssembly codec would
 * otherwise trust a declared content size, and its memory never shrinks.
 */
import { createRequire } from 'node:module';
import * as zlib from 'node:zlib';
import type * as ZstdWasm from '@bokuweb/zstd-wasm';
import { errorCode, errorMessage, MillraceError } from '@millrace/base';
import { corruptMessage } from '../corrupt-message.js';
import { decompressedTooLarge } from './decompressed-too-large.js';
import { zstdFrames, type ZstdFrame } from './zstd-frame.js';

/** Kafka's default. */
const level = 3;

interface ZstdCodec {
  compress(bytes: Uint8Array): Uint8Array;
  /** Decompresses one frame whose content was found to be at most `boundBytes`, but into no more than `maxBytes`. */
  decompressFrame(frame: Uint8Array, boundBytes: number, maxBytes: number): Uint8Array;
}

let codec: ZstdCodec | undefined = zlibCodec();
let loading: Promise<void> | undefined;

export function loadZstd(): Promise<void> {
  if (codec !== undefined) return Promise.resolve();
  loading ??= loadWasmCodec().then((loaded) => {
    codec = loaded;
  });
  return loading;
}

export function compressZstd(bytes: Uint8Array): Uint8Array {
  return ready().compress(bytes);
}

export function decompressZstd(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const frames = zstdFrames(bytes);
  let declared = 0;
  for (const frame of frames) if (frame.isExact) declared += frame.boundBytes;
  if (declared > maxBytes) throw decompressedTooLarge('zstd', maxBytes);

  let restBytes = maxBytes;
  const contents: Uint8Array[] = [];
  for (const frame of frames) {
    const content = decompressFrame(bytes, frame, restBytes);
    restBytes -= content.length;
    if (restBytes < 0) throw decompressedTooLarge('zstd', maxBytes);
    contents.push(content);
  }
  return contents.length === 1 ? contents[0]! : Buffer.concat(contents);
}

function decompressFrame(bytes: Uint8Array, frame: ZstdFrame, maxBytes: number): Uint8Array {
  try {
    return ready().decompressFrame(bytes.subarray(frame.start, frame.end), frame.boundBytes, maxBytes);
  } catch (error) {
    if (error instanceof MillraceError) throw error;
    throw corruptMessage('the zstd data does not decompress', error);
  }
}

function ready(): ZstdCodec {
  if (codec !== undefined) return codec;
  throw new MillraceError('COMPRESSION_NOT_LOADED', "zstd is not loaded yet: await loadCompression('zstd') first");
}

/** What node:zlib has from 22.15 on; its types here are those of the oldest Node.js we support. */
interface ZstdOptions {
  readonly maxOutputLength?: number;
  readonly params: Readonly<Record<number, number>>;
}
interface ZlibZstd {
  readonly zstdCompressSync?: (bytes: Uint8Array, options: ZstdOptions) => Uint8Array;
  readonly zstdDecompressSync?: (bytes: Uint8Array, options: ZstdOptions) => Uint8Array;
  readonly constants: Readonly<Record<string, number>>;
}

function zlibCodec(): ZstdCodec | undefined {
  const { zstdCompressSync, zstdDecompressSync, constants } = zlib as unknown as ZlibZstd;
  if (zstdCompressSync === undefined || zstdDecompressSync === undefined) return undefined;
  const compressionLevel = constants['ZSTD_c_compressionLevel']!;
  return {
    compress: (bytes) => zstdCompressSync(bytes, { params: { [compressionLevel]: level } }),
    decompressFrame: (frame, _boundBytes, maxBytes) => {
      try {
        return zstdDecompressSync(frame, { maxOutputLength: Math.max(maxBytes, 1), params: {} });
      } catch (error) {
        if (errorCode(error) === 'ERR_BUFFER_TOO_LARGE') throw decompressedTooLarge('zstd', maxBytes);
        throw error;
      }
    },
  };
}

/** The error of the zstd library for "the output does not fit"; its codes are negative sizes. */
const outputTooSmall = /code -70$/;

async function loadWasmCodec(): Promise<ZstdCodec> {
  const wasm = createRequire(import.meta.url)('@bokuweb/zstd-wasm') as typeof ZstdWasm;
  await wasm.init();
  return {
    compress: (bytes) => wasm.compress(asBuffer(bytes), level),
    decompressFrame: (frame, boundBytes, maxBytes) => {
      try {
        return wasm.decompress(asBuffer(frame), { defaultHeapSize: Math.min(boundBytes, maxBytes) });
      } catch (error) {
        if (boundBytes > maxBytes && outputTooSmall.test(errorMessage(error))) {
          throw decompressedTooLarge('zstd', maxBytes);
        }
        throw error;
      }
    },
  };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
