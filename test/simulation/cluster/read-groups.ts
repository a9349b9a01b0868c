/** What the log of a group coordinator holds on a disk: its batches, each as the records of the groups in it. */
import type { FileSystem } from '@millrace/base';
import { decodeGroupRecord, type GroupRecord } from '@millrace/protocol';
import { RecordCursor } from '@millrace/record';
import { walkLog } from './walk-log.js';

export interface GroupLog {
  readonly label: string;
  readonly endOffset: number;
  readonly batches: readonly GroupBatch[];
}

export interface GroupBatch {
  readonly baseOffset: number;
  readonly records: readonly GroupRecord[];
}

export const offsetsTopic = '__consumer_offsets';
const maxDecompressedBytes = 64 * 1024 * 1024;

/** Logs that are whole; one that was compacted does not tell any more what happened. */
export function readGroupLogs(files: FileSystem, dataDirectory: string): GroupLog[] {
  return files
    .list(dataDirectory)
    .filter((name) => name.startsWith(`${offsetsTopic}-`))
    .flatMap((label) => readGroupLog(files, `${dataDirectory}/${label}`, label) ?? []);
}

function readGroupLog(files: FileSystem, directory: string, label: string): GroupLog | undefined {
  const batches: GroupBatch[] = [];
  let missing = 0;
  const { startOffset, endOffset } = walkLog(files, directory, (batch) => {
    const records: GroupRecord[] = [];
    const cursor = RecordCursor.over(batch, { maxDecompressedBytes });
    let count = 0;
    while (cursor.next()) {
      count += 1;
      if (batch.isControl) continue;
      const record = cursor.key === null ? undefined : decodeGroupRecord(cursor.key, cursor.value);
      if (record !== undefined) records.push(record);
    }
    missing += batch.nextOffset - batch.baseOffset - count;
    batches.push({ baseOffset: batch.baseOffset, records });
  });
  const lastSegment = files.list(directory).filter((name) => /^\d{20}\.log$/.test(name));
  const isWhole = missing === 0 && startOffset === 0 && endOffset >= Number.parseInt(lastSegment.at(-1) ?? '0', 10);
  return isWhole ? { label, endOffset, batches } : undefined;
}
