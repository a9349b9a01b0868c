import fc from 'fast-check';
import type { Compression, LogRecord, PlainRecord } from '@millrace/record';

/** Records as users write them: nulls, empty and long fields, any Unicode, times that go back, headers of all kinds. */
const bytes = fc.uint8Array({ maxLength: 100 });
const field = fc.oneof(
  fc.constant(null),
  bytes,
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc.integer({ min: 1, max: 3000 }).map((length) => 'é'.repeat(length)),
  fc.integer({ min: 50, max: 20_000 }).map((length) => new Uint8Array(length).fill(length)),
);
const headers = fc.array(fc.tuple(fc.string({ unit: 'binary', maxLength: 10 }), field), { maxLength: 4 });
const timestampMs = fc.oneof(
  fc.constant(-1),
  fc.integer({ min: 1_700_000_000_000, max: 1_700_000_100_000 }),
  fc.maxSafeInteger().map((value) => Math.abs(value) % 8_640_000_000_000_001),
);

export const anyRecord = fc.record({ key: field, value: field, headers, timestampMs });
export const anyRecords = fc.array(anyRecord, { minLength: 1, maxLength: 20 });
export const anyCompression = fc.constantFrom<Compression>('none', 'gzip', 'snappy', 'lz4', 'zstd');

/** What a record is, free of how it is kept: for comparison. */
export interface Meaning {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly (readonly [string, string | null])[];
}

export function hex(bytes: Uint8Array | string | null | undefined): string | null {
  return bytes === null || bytes === undefined ? null : Buffer.from(bytes as string).toString('hex');
}

export function meaningOf(record: LogRecord): Meaning {
  return {
    offset: record.offset,
    timestampMs: record.timestampMs,
    key: hex(record.key),
    value: hex(record.value),
    headers: record.headers.map(([name, value]) => [name, hex(value)]),
  };
}

export function meaningOfPlain(record: PlainRecord, offset: number): Meaning {
  return {
    offset,
    timestampMs: record.timestampMs ?? -1,
    key: hex(record.key),
    value: hex(record.value),
    // A lone surrogate has no UTF-8: it is written as the replacement character.
    headers: (record.headers ?? []).map(([name, value]) => [Buffer.from(name).toString(), hex(value)]),
  };
}
