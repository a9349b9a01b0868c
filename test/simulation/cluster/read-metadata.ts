/** What the metadata log on a disk says of the cluster: its entries. */
import type { FileSystem } from '@millrace/base';
import { metadataTopic } from '@millrace/controller';
import { decodeMetadataRecord, type MetadataRecord } from '@millrace/controller/image';
import { RecordCursor } from '@millrace/record';
import { hashBytes, hashEnd, hashStart } from '@millrace/testkit';
import { walkLog } from './walk-log.js';

export interface MetadataEntry {
  readonly position: number;
  readonly term: number;
  /** Of the entry's records. */
  readonly hash: number;
  /** Empty for entries of the quorum itself. */
  readonly records: readonly MetadataRecord[];
}

const maxDecompressedBytes = 64 * 1024 * 1024;

export function readMetadata(files: FileSystem, dataDirectory: string): MetadataEntry[] {
  const entries: MetadataEntry[] = [];
  walkLog(files, `${dataDirectory}/${metadataTopic.name}-${metadataTopic.partition}`, (batch) => {
    const records: MetadataRecord[] = [];
    let hash = hashStart;
    const cursor = RecordCursor.over(batch, { maxDecompressedBytes });
    while (cursor.next()) {
      const { value } = cursor;
      if (value === null) continue;
      hash = hashBytes(hash, value);
      if (!batch.isControl) records.push(decodeMetadataRecord(value));
    }
    entries.push({ position: batch.baseOffset, term: batch.leaderEpoch, hash: hashEnd(hash), records });
  });
  return entries;
}
