import type { File } from '@millrace/base';

/** Reads `length` bytes into the start of `buffer`, or as many as the file has from `position` on; returns how many. */
export async function readFully(file: File, buffer: Uint8Array, length: number, position: number): Promise<number> {
  let filled = 0;
  while (filled < length) {
    const count = await file.read(buffer, filled, length - filled, position + filled);
    if (count === 0) break;
    filled += count;
  }
  return filled;
}
