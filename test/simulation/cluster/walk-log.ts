/**
 * The batches of a partition's log on a disk, read without the code under test's own recovery: from the first segment
 * on, as far as each follows on the one before and its checksum is right.
 */
import { errorCode, type FileSystem } from '@millrace/base';
import { BatchView, nextBatchSize } from '@millrace/record';

export interface LogExtent {
  readonly startOffset: number;
  readonly endOffset: number;
}

/** `visit` sees each batch in turn; the view moves on afterwards. */
export function walkLog(files: FileSystem, directory: string, visit: (batch: BatchView) => void): LogExtent {
  let startOffset = -1;
  let endOffset = 0;
  const view = new BatchView();
  if (files.stat(directory) === undefined) return { startOffset: 0, endOffset };
  for (const name of files.list(directory)) {
    if (!/^\d{20}\.log$/.test(name)) continue;
    const baseOffset = Number.parseInt(name, 10);
    if (startOffset === -1) {
      startOffset = baseOffset;
      endOffset = baseOffset;
    }
    if (baseOffset !== endOffset) break;
    const bytes = readAll(files, `${directory}/${name}`);
    let position = 0;
    for (;;) {
      const size = wholeBatchAt(bytes, position);
      if (size === undefined) break;
      view.at(bytes, position);
      if (view.magic !== 2 || view.baseOffset !== endOffset || !view.isCrcValid()) break;
      visit(view);
      endOffset = view.nextOffset;
      position += size;
    }
    if (position < bytes.length) break;
  }
  return { startOffset: Math.max(startOffset, 0), endOffset };
}

/** Undefined where no whole batch begins: at the end, in a torn batch, in garbage. */
function wholeBatchAt(bytes: Buffer, position: number): number | undefined {
  try {
    return nextBatchSize(bytes, position, bytes.length);
  } catch (error) {
    if (errorCode(error) === 'CORRUPT_MESSAGE') return undefined;
    throw error;
  }
}

function readAll(files: FileSystem, path: string): Buffer {
  const file = files.open(path, 'read');
  try {
    const bytes = Buffer.alloc(file.sizeBytes());
    file.readSync(bytes, 0, bytes.length, 0);
    return bytes;
  } finally {
    file.close();
  }
}
