/**
 * The batches of a log file one by one, for as long as they can be told apart: a batch with a wrong checksum is shown
 * and passed, for its length may still be right; a header that cannot be one ends it.
 */
import type { File } from '@millrace/base';
import { batchHeaderBytes, BatchView } from '@millrace/record';
import { readFully } from '../read-fully.js';
import { headerProblem } from '../segment/batch-check.js';

export interface FoundBatch {
  /** Moves on with the next batch. */
  readonly view: BatchView;
  readonly position: number;
}

export interface FoundProblem {
  readonly position: number;
  readonly problem: string;
}

const pieceBytes = 1024 * 1024;

export async function* batchesOf(file: File): AsyncGenerator<FoundBatch | FoundProblem, void, undefined> {
  const sizeBytes = file.sizeBytes();
  const view = new BatchView();
  let buffer = Buffer.alloc(Math.min(pieceBytes, Math.max(sizeBytes, batchHeaderBytes)));
  let position = 0;
  while (position < sizeBytes) {
    const filled = await readFully(file, buffer, Math.min(buffer.length, sizeBytes - position), position);
    let at = 0;
    let needed = batchHeaderBytes;
    while (filled - at >= batchHeaderBytes) {
      view.at(buffer, at);
      const problem = headerProblem(view);
      if (problem !== undefined) {
        yield { position: position + at, problem };
        return;
      }
      needed = view.sizeBytes;
      if (needed > filled - at) break;
      yield { view, position: position + at };
      at += needed;
      needed = batchHeaderBytes;
    }
    position += at;
    if (position === sizeBytes) return;
    // Fewer bytes than asked for: the file was cut off meanwhile.
    const isCut = filled < Math.min(buffer.length, sizeBytes - position + at);
    if (position + needed > sizeBytes || isCut) {
      yield { position, problem: `the beginning of a batch of ${needed} bytes, and the file ends at ${sizeBytes}` };
      return;
    }
    if (needed > buffer.length) buffer = Buffer.alloc(needed);
  }
}
