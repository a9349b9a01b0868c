/**
 * One entry of the Raft log is one record batch of the metadata log: base offset = position, leader epoch = term, one
 * record of the batch per record of the entry.
 *
 * Entries of the replicas themselves are control batches, as Kafka has them: each record's key is two 16-bit numbers,
 * version 0 and a type, 2 for the first entry of a leader, 6 for a set of voters.
 */
import { assert, MillraceError } from '@millrace/base';
import { type BatchView, BatchWriter, RecordCursor } from '@millrace/record';
import type { EntryKind, RaftEntry } from '@millrace/raft';
import { maxDecisionBytes } from '../metadata-topic.js';

const leaderChangeType = 2;
const votersType = 6;

export function encodeEntry({ kind, records }: RaftEntry, timestampMs: number): Uint8Array {
  const writer = new BatchWriter({ maxBytes: maxDecisionBytes });
  const key = kind === 'records' ? null : controlKey(kind);
  for (const record of records) {
    const hasRoom = writer.append(key, record, undefined, timestampMs);
    assert(hasRoom, `an entry of the metadata log fits into ${maxDecisionBytes} bytes`);
  }
  return writer.finish({ isControl: kind !== 'records' });
}

/** The records are copies: what the view looks at may be used again. */
export function decodeEntry(batch: BatchView): RaftEntry {
  const cursor = RecordCursor.over(batch, { maxDecompressedBytes: maxDecisionBytes });
  const records: Uint8Array[] = [];
  let kind: EntryKind = 'records';
  while (cursor.next()) {
    const { key, value } = cursor;
    if (batch.isControl) kind = controlKind(key, batch.baseOffset);
    if (value === null) throw damaged(batch.baseOffset, 'has a record without a value');
    records.push(Buffer.from(value));
  }
  return { position: batch.baseOffset, term: batch.leaderEpoch, kind, records };
}

function controlKey(kind: Exclude<EntryKind, 'records'>): Uint8Array {
  const key = Buffer.alloc(4);
  key.writeInt16BE(kind === 'term' ? leaderChangeType : votersType, 2);
  return key;
}

function controlKind(key: Uint8Array | null, position: number): EntryKind {
  const type = key?.length === 4 ? Buffer.from(key).readInt16BE(2) : -1;
  if (type === leaderChangeType) return 'term';
  if (type === votersType) return 'membership';
  throw damaged(position, `has a control record of type ${type}`);
}

function damaged(position: number, how: string): MillraceError {
  return new MillraceError('KAFKA_STORAGE_ERROR', `The metadata log ${how} at ${position}: a newer release wrote it.`);
}
