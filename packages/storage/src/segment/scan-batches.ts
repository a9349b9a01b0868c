/**
 * Walks over the batches in a part of a log file, reading it in large pieces off the event loop.
 *
 * It stops at the first thing that is not a whole batch and says what that is: whether it is a torn tail or damage is
 * for the caller to judge.
 */
import type { File } from '@millrace/base';
import { batchHeaderBytes, BatchView } from '@millrace/record';
import { readFully } from '../read-fully.js';
import { headerProblem } from './batch-check.js';

export interface ScanRange {
  readonly from: number;
  /** Where the file, or the part of it that counts, ends. */
  readonly to: number;
}

export interface ScanEnd {
  /** End of the last batch that was visited and taken. */
  readonly position: number;
  /** What lies there instead of a batch; undefined at the end of the range, or when the visitor stopped. */
  readonly problem: string | undefined;
}

/**
 * Sees each batch in turn; the view moves on afterwards. Returns undefined to go on, `stop` to end before this batch,
 * or what is wrong with it.
 */
export type BatchVisitor = (view: BatchView, position: number) => string | typeof stop | undefined;

export const stop = Symbol('stop');

const pieceBytes = 1024 * 1024;

export async function scanBatches(
  file: File,
  range: ScanRange,
  options: { readonly verifyCrc: boolean; readonly pieceBytes?: number },
  visit: BatchVisitor,
): Promise<ScanEnd> {
  const view = new BatchView();
  let buffer = Buffer.allocUnsafeSlow(Math.min(options.pieceBytes ?? pieceBytes, Math.max(range.to - range.from, 1)));
  let position = range.from;
  while (position < range.to) {
    const wanted = Math.min(buffer.length, range.to - position);
    const filled = await readFully(file, buffer, wanted, position);
    let at = 0;
    let needed = batchHeaderBytes;
    while (filled - at >= batchHeaderBytes) {
      view.at(buffer, at);
      const problem = headerProblem(view);
      if (problem !== undefined) return { position: position + at, problem };
      needed = view.sizeBytes;
      if (needed > filled - at) break;
      if (options.verifyCrc && !view.isCrcValid())
        return { position: position + at, problem: 'a batch whose checksum does not match' };
      const verdict = visit(view, position + at);
      if (verdict === stop) return { position: position + at, problem: undefined };
      if (verdict !== undefined) return { position: position + at, problem: verdict };
      at += needed;
      needed = batchHeaderBytes;
    }
    position += at;
    if (at === filled && filled === wanted) continue;
    const isLastPiece = filled < wanted || position - at + filled === range.to;
    if (isLastPiece || position + needed > range.to)
      return { position, problem: 'the beginning of a batch without its end' };
    if (needed > buffer.length) buffer = Buffer.allocUnsafeSlow(needed);
  }
  return { position, problem: undefined };
}
