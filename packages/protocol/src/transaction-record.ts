/**
 * The records of `__transaction_state`, by which a transaction coordinator rebuilds its state: one for each transactional
 * id, of which compaction keeps the newest; a null value takes it away.
 *
 *     key      MessagePack array    [ 'transaction', transactional id ]
 *     value    MessagePack map      { version, fields ... }
 *
 * Fields and types may be added. A reader drops fields it does not know and passes over types it does not know.
 */
import { MillraceError } from '@millrace/base';
import { Packr } from 'msgpackr';
import { z } from 'zod';
import { transactionStates } from './apis/transaction-fields.js';

const count = z.int().min(0);
const orNone = z.int().min(-1);
const topicId = z.string().regex(/^[A-Za-z0-9_-]{22}$/);

const valueSchema = z.object({
  version: count,
  /** What the producer uses from now on. */
  producerId: count,
  producerEpoch: count,
  /** What it used before: of the transaction that ended last, or is ending, when there is one. -1: none. */
  lastProducerId: orNone,
  lastProducerEpoch: orNone,
  state: z.enum(transactionStates),
  /** Who decided so: the producer, the coordinator when its time was over, or a producer that took its place. */
  endedBy: z.enum(['producer', 'timeout', 'successor']),
  timeoutMs: count,
  /** When the open transaction, or the one that is ending, began; -1: there is none. */
  startedMs: orNone,
  updatedMs: count,
  /** End of the metadata in which the partitions were there: metadata that is newer and lacks one tells of its deletion. */
  metadataPosition: count,
  partitions: z.array(z.object({ topicId, partitions: z.array(count) })),
});

const keySchema = z.tuple([z.literal('transaction'), z.string()]);

export type TransactionRecordValue = z.infer<typeof valueSchema>;

/** One record; `value` null is the tombstone. */
export interface TransactionRecord {
  readonly transactionalId: string;
  readonly value: TransactionRecordValue | null;
}

// Structure extensions of msgpackr would tie the bytes to its version.
const packr = new Packr({ useRecords: false, variableMapSize: true, encodeUndefinedAsNil: true });

export function encodeTransactionRecord({ transactionalId, value }: TransactionRecord): {
  key: Uint8Array;
  value: Uint8Array | null;
} {
  return { key: packr.pack(['transaction', transactionalId]), value: value === null ? null : packr.pack(value) };
}

/** Undefined for a type that a later release writes. Throws `INVALID_RECORD` for bytes that are not a record. */
export function decodeTransactionRecord(
  keyBytes: Uint8Array,
  valueBytes: Uint8Array | null,
): TransactionRecord | undefined {
  const key = unpack(keyBytes);
  const type: unknown = Array.isArray(key) ? key[0] : undefined;
  if (typeof type !== 'string') throw invalid('has a key that is not an array with a type', undefined);
  if (type !== 'transaction') return undefined;
  const parsedKey = keySchema.safeParse(key);
  if (!parsedKey.success) throw invalid('has a wrong key', parsedKey.error);
  const transactionalId = parsedKey.data[1];
  if (valueBytes === null) return { transactionalId, value: null };
  const parsed = valueSchema.safeParse(unpack(valueBytes));
  if (!parsed.success) throw invalid(`is not valid: ${z.prettifyError(parsed.error)}`, parsed.error);
  return { transactionalId, value: parsed.data };
}

function unpack(bytes: Uint8Array): unknown {
  try {
    return packr.unpack(bytes);
  } catch (error) {
    throw invalid('is not MessagePack', error);
  }
}

function invalid(what: string, cause: unknown): MillraceError {
  return new MillraceError('INVALID_RECORD', `A record of a transaction ${what}.`, { cause });
}
