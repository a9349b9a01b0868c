import { MillraceError } from '@millrace/base';
import type { BatchOptions } from './batch-header.js';
import { BatchWriter } from './batch-writer.js';
import { maxInt32, noTimestampMs } from './layout.js';
import { patchBatch } from './patch-batch.js';
import type { RecordHeaders } from './record-headers.js';

/** A record to be written. */
export interface PlainRecord {
  readonly key?: Uint8Array | string | null;
  readonly value?: Uint8Array | string | null;
  readonly headers?: RecordHeaders;
  /** Milliseconds since 1970; left out, the record has no timestamp. */
  readonly timestampMs?: number;
}

export interface EncodeBatchOptions extends BatchOptions {
  /** As a leader would set it; 0 when left out. */
  readonly baseOffset?: number;
  /** As a leader would set it; -1 when left out. */
  readonly leaderEpoch?: number;
}

/** One batch from plain records, in memory of its own: for control records and tests. The producer uses `BatchWriter`. */
export function encodeBatch(records: readonly PlainRecord[], options: EncodeBatchOptions = {}): Uint8Array {
  const writer = new BatchWriter({ maxBytes: maxInt32, initialBytes: 512 });
  for (const record of records) {
    const { key = null, value = null, headers, timestampMs = noTimestampMs } = record;
    if (!writer.append(key, value, headers, timestampMs)) {
      throw new MillraceError('MESSAGE_TOO_LARGE', `A batch holds at most ${maxInt32} bytes: split the records`);
    }
  }
  const batch = writer.finish(options);
  patchBatch(batch, 0, { baseOffset: options.baseOffset ?? 0, leaderEpoch: options.leaderEpoch ?? -1 });
  return batch;
}
