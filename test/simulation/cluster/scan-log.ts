/**
 * What a partition's log holds on a disk, read without the code under test's own recovery: the batches from the first
 * segment on, as far as each follows on the one before and its checksum is right.
 */
import { errorCode, type FileSystem } from '@millrace/base';
import { BatchView, nextBatchSize, RecordCursor } from '@millrace/record';

export interface ScannedRecord {
  readonly value: string;
  readonly timestampMs: number;
}

export interface ScannedLog {
  /** By offset. */
  readonly records: ReadonlyMap<number, ScannedRecord>;
  readonly startOffset: number;
  readonly endOffset: number;
}

const maxDecompressedBytes = 16 * 1024 * 1024;

export function scanLog(files: FileSystem, directory: string): ScannedLog {
  const records = new Map<number, ScannedRecord>();
  let startOffset = -1;
  let endOffset = 0;
  const view = new BatchView();
  if (files.stat(directory) === undefined) return { records, startOffset: 0, endOffset };
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
      const cursor = RecordCursor.over(view, { maxDecompressedBytes });
      while (cursor.next()) {
        records.set(cursor.offset, { value: textOf(cursor.value), timestampMs: cursor.timestampMs });
      }
      endOffset = view.nextOffset;
      position += size;
    }
    if (position < bytes.length) break;
  }
  return { records, startOffset: Math.max(startOffset, 0), endOffset };
}

/** Values are padded to a size after a space; what stands before it is unique. */
export function textOf(value: Uint8Array | null): string {
  if (value === null) return '';
  const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8');
  const end = text.indexOf(' ');
  return end < 0 ? text : text.slice(0, end);
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
