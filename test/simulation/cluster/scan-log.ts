/** What a partition's log holds on a disk. */
import type { FileSystem } from '@millrace/base';
import { RecordCursor } from '@millrace/record';
import { walkLog, type LogExtent } from './walk-log.js';

export interface ScannedRecord {
  readonly value: string;
  readonly timestampMs: number;
}

export interface ScannedLog extends LogExtent {
  /** By offset. */
  readonly records: ReadonlyMap<number, ScannedRecord>;
}

const maxDecompressedBytes = 16 * 1024 * 1024;

export function scanLog(files: FileSystem, directory: string): ScannedLog {
  const records = new Map<number, ScannedRecord>();
  const extent = walkLog(files, directory, (batch) => {
    const cursor = RecordCursor.over(batch, { maxDecompressedBytes });
    while (cursor.next()) {
      records.set(cursor.offset, { value: textOf(cursor.value), timestampMs: cursor.timestampMs });
    }
  });
  return { records, ...extent };
}

/** Values are padded to a size after a space; what stands before it is unique. */
export function textOf(value: Uint8Array | null): string {
  if (value === null) return '';
  const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8');
  const end = text.indexOf(' ');
  return end < 0 ? text : text.slice(0, end);
}
