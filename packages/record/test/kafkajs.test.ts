/**
 * The format against an implementation that is not ours: kafkajs's own encoder and decoder of record batches. It brings
 * gzip; for the rest it calls codecs that are registered here, written apart from ours (no walking, no bounds).
 */
import { createRequire } from 'node:module';
import type * as ZstdWasm from '@bokuweb/zstd-wasm';
import type * as Lz4 from 'lz4-napi';
import type * as Snappy from 'snappy';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { BatchView, encodeBatch, loadCompression, recordsOf, validateBatch, type Compression } from '@millrace/record';
import { hex, meaningOf, type Meaning } from './arbitrary-records.js';

const require = createRequire(import.meta.url);

interface KafkaEncoder {
  readonly buffer: Buffer;
}
interface KafkaRecord {
  readonly offset: string;
  readonly timestamp: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer | null>>;
}
interface KafkaBatch {
  readonly firstOffset: string;
  readonly lastOffsetDelta: number;
  readonly partitionLeaderEpoch: number;
  readonly producerId: string;
  readonly producerEpoch: number;
  readonly firstSequence: number;
  readonly inTransaction: boolean;
  readonly isControlBatch: boolean;
  readonly maxTimestamp: string;
  readonly records: readonly KafkaRecord[];
}
interface KafkaCodec {
  compress(encoder: KafkaEncoder): Promise<Buffer>;
  decompress(bytes: Buffer): Promise<Buffer>;
}
type Json = Readonly<Record<string, unknown>>;

const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0') as {
  RecordBatch: (fields: Json) => Promise<KafkaEncoder>;
};
const encodeRecord = require('kafkajs/src/protocol/recordBatch/record/v0') as (fields: Json) => KafkaEncoder;
const decodeBatch = require('kafkajs/src/protocol/recordBatch/v0/decoder') as (decoder: unknown) => Promise<KafkaBatch>;
const Decoder = require('kafkajs/src/protocol/decoder') as new (bytes: Buffer) => unknown;
const Long = require('kafkajs/src/utils/long') as { fromNumber(value: number): unknown };
const { Types, Codecs } = require('kafkajs/src/protocol/message/compression') as {
  Types: Readonly<Record<string, number>>;
  Codecs: Record<number, () => KafkaCodec>;
};
const snappy = require('snappy') as typeof Snappy;
const lz4 = require('lz4-napi') as typeof Lz4;
const zstd = require('@bokuweb/zstd-wasm') as typeof ZstdWasm;

const codes: Readonly<Record<Compression, number>> = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 };

/** Splits the framing of snappy-java as its documentation has it. */
function unframeSnappy(bytes: Buffer): Buffer {
  expect(bytes.subarray(0, 16).toString('hex')).toBe('82534e41505059000000000100000001');
  const blocks: Buffer[] = [];
  for (let at = 16; at < bytes.length; at += 4 + bytes.readInt32BE(at)) {
    blocks.push(snappy.uncompressSync(bytes.subarray(at + 4, at + 4 + bytes.readInt32BE(at))) as Buffer);
  }
  return Buffer.concat(blocks);
}

beforeAll(async () => {
  await loadCompression('zstd');
  await zstd.init();
  Codecs[Types['Snappy']!] = () => ({
    // As kafkajs's own snappy plug-in with its default: one raw block.
    compress: (encoder) => Promise.resolve(snappy.compressSync(encoder.buffer)),
    decompress: (bytes) => Promise.resolve(unframeSnappy(bytes)),
  });
  Codecs[Types['LZ4']!] = () => ({
    compress: (encoder) => Promise.resolve(lz4.compressFrameSync(encoder.buffer)),
    decompress: (bytes) => Promise.resolve(lz4.decompressFrameSync(bytes)),
  });
  Codecs[Types['ZSTD']!] = () => ({
    compress: (encoder) => Promise.resolve(Buffer.from(zstd.compress(encoder.buffer, 3))),
    decompress: (bytes) => Promise.resolve(Buffer.from(zstd.decompress(bytes))),
  });
});

const text = fc.string({ unit: 'grapheme', maxLength: 30 });
const field = fc.oneof(
  fc.constant(null),
  fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
  text.map((value) => Buffer.from(value)),
  fc.integer({ min: 60, max: 5000 }).map((length) => Buffer.alloc(length, 'row ')),
);
/** Names occur once: kafkajs keeps headers in an object. */
const headerNames = fc.uniqueArray(
  text.filter((name) => !(name in Object.prototype)),
  { maxLength: 3 },
);
const baseTimestamp = 1_700_000_000_000;
const timestampMs = fc.oneof(
  fc.integer({ min: -5_000_000, max: 5_000_000 }).map((delta) => baseTimestamp + delta),
  fc.maxSafeInteger().map((value) => Math.abs(value) % 8_640_000_000_000_001),
);
const batchOptions = fc.record({
  baseOffset: fc.oneof(fc.constantFrom(0, 2 ** 31, 2 ** 53 - 100), fc.nat()),
  leaderEpoch: fc.integer({ min: -1, max: 2 ** 31 - 1 }),
  producerId: fc.oneof(fc.constant(-1), fc.maxSafeInteger().map(Math.abs)),
  producerEpoch: fc.integer({ min: -1, max: 32_767 }),
  baseSequence: fc.integer({ min: -1, max: 2 ** 31 - 1 }),
  isTransactional: fc.boolean(),
});

/** Enough runs for the quick ones; WebAssembly and native calls cost more. */
const runs = { numRuns: 150 };

describe.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)('with compression %s', (compression) => {
  test('kafkajs decodes what we encode', async () => {
    const headers = headerNames.chain((names) => fc.tuple(...names.map((name) => fc.tuple(fc.constant(name), field))));
    const records = fc.array(fc.record({ key: field, value: field, headers, timestampMs }), {
      minLength: 1,
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(records, batchOptions, fc.boolean(), async (plain, options, isControl) => {
        const bytes = Buffer.from(encodeBatch(plain, { ...options, isControl, compression }));
        const batch = await decodeBatch(new Decoder(bytes));
        expect(batch).toMatchObject({
          firstOffset: String(options.baseOffset),
          lastOffsetDelta: plain.length - 1,
          partitionLeaderEpoch: options.leaderEpoch,
          producerId: String(options.producerId),
          producerEpoch: options.producerEpoch,
          firstSequence: options.baseSequence,
          inTransaction: options.isTransactional,
          isControlBatch: isControl,
          maxTimestamp: String(Math.max(...plain.map((record) => record.timestampMs))),
        });
        const decoded = batch.records.map((record): Meaning => ({
          offset: Number(record.offset),
          timestampMs: Number(record.timestamp),
          key: hex(record.key),
          value: hex(record.value),
          headers: Object.entries(record.headers).map(([name, value]) => [name, hex(value)]),
        }));
        expect(decoded.map(sorted)).toEqual(
          plain.map((record, index) =>
            sorted({
              offset: options.baseOffset + index,
              timestampMs: record.timestampMs,
              key: hex(record.key),
              value: hex(record.value),
              headers: record.headers.map(([name, value]) => [name, hex(value)]),
            }),
          ),
        );
      }),
      runs,
    );
  });

  test('we decode what kafkajs encodes', async () => {
    // Its encoder cannot write a header whose value is null.
    const headers = headerNames.chain((names) =>
      fc.tuple(
        ...names.map((name) =>
          fc.tuple(
            fc.constant(name),
            field.map((value) => value ?? Buffer.alloc(0)),
          ),
        ),
      ),
    );
    const records = fc.array(fc.record({ key: field, value: field, headers, timestampMs }), {
      minLength: 1,
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(records, batchOptions, async (plain, options) => {
        const first = plain[0]!.timestampMs;
        const max = Math.max(...plain.map((record) => record.timestampMs));
        const encoder = await RecordBatch({
          compression: codes[compression],
          firstOffset: Long.fromNumber(options.baseOffset),
          firstTimestamp: first,
          maxTimestamp: max,
          partitionLeaderEpoch: options.leaderEpoch,
          lastOffsetDelta: plain.length - 1,
          transactional: options.isTransactional,
          producerId: Long.fromNumber(options.producerId),
          producerEpoch: options.producerEpoch,
          firstSequence: options.baseSequence,
          records: plain.map((record, index) =>
            encodeRecord({
              offsetDelta: index,
              timestampDelta: record.timestampMs - first,
              key: record.key,
              value: record.value,
              headers: Object.fromEntries(record.headers),
            }),
          ),
        });
        const bytes = encoder.buffer;
        const view = new BatchView(bytes);
        expect(view).toMatchObject({ ...options, compression, maxTimestamp: max, recordCount: plain.length });
        expect(view.isCrcValid()).toBe(true);
        const decoded = [...recordsOf(bytes, { maxDecompressedBytes: 1 << 20 })].map(meaningOf);
        expect(decoded.map(sorted)).toEqual(
          plain.map((record, index) =>
            sorted({
              offset: options.baseOffset + index,
              timestampMs: record.timestampMs,
              key: hex(record.key),
              value: hex(record.value),
              headers: record.headers.map(([name, value]) => [name, hex(value)]),
            }),
          ),
        );
      }),
      runs,
    );
  });

  test('a batch that kafkajs sends without idempotence passes the checks of a broker', async () => {
    const encoder = await RecordBatch({
      compression: codes[compression],
      firstTimestamp: baseTimestamp,
      maxTimestamp: baseTimestamp,
      records: [encodeRecord({ key: null, value: Buffer.from('v') })],
    });
    expect(() => {
      validateBatch(new BatchView(encoder.buffer), { origin: 'client', maxBytes: 1000 });
    }).not.toThrow();
  });
});

/** kafkajs keeps headers in an object, which puts names that look like numbers first. */
function sorted(meaning: Meaning): Meaning {
  return { ...meaning, headers: [...meaning.headers].sort((a, b) => (a[0] < b[0] ? -1 : 1)) };
}
