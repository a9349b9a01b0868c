import type { File } from '@millrace/base';
import { readFully } from '../read-fully.js';
import { writeFully } from '../write-fully.js';

const pieceBytes = 256 * 1024;

/**
 * Writes a part of a file to where it is, so that the next sync has something to do.
 *
 * When a sync fails the kernel counts the pages as clean, though the disk may not have them. A process that is started
 * afterwards reads them from the page cache, and its own sync succeeds without writing anything: what looks recovered
 * would go with the next power cut.
 */
export async function rewrite(file: File, from: number, to: number): Promise<void> {
  const buffer = Buffer.allocUnsafeSlow(Math.min(pieceBytes, Math.max(to - from, 1)));
  let position = from;
  while (position < to) {
    const count = await readFully(file, buffer, Math.min(buffer.length, to - position), position);
    if (count === 0) return;
    writeFully(file, buffer, 0, count, position);
    position += count;
  }
}
