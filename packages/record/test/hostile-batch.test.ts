/**
 * Batches that were changed at random and sealed with a right CRC, as someone who means harm would send them. Whatever
 * they are, checking and reading them ends in records or in a typed error, soon, and within the memory limit.
 */
import { MillraceError } from '@millrace/base';
import { beforeAll, expect, test } from 'vitest';
import {
  BatchView,
  encodeBatch,
  loadCompression,
  RecordCursor,
  recordsOf,
  validateBatch,
  type Compression,
} from '@millrace/record';
import { crc32c } from '../src/crc32c.js';

beforeAll(() => loadCompression('zstd'));

const options = { maxDecompressedBytes: 1 << 16 };
const expectedCodes = new Set([
  'CORRUPT_MESSAGE',
  'DECOMPRESSED_TOO_LARGE',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
  'MESSAGE_TOO_LARGE',
]);

/** xorshift32: quick, and the same in every run. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const interesting = [0, 1, 2, 0x7f, 0x80, 0x81, 0xfe, 0xff];

/** Changes a few bytes, most of them behind the header, and cuts or grows the batch now and then. */
function mutate(batch: Uint8Array, random: (below: number) => number): Uint8Array {
  const length = random(8) === 0 ? random(batch.length + 20) : batch.length;
  const bytes = new Uint8Array(length);
  bytes.set(batch.subarray(0, length));
  for (let changes = random(4) + 1; changes > 0 && length > 0; changes--) {
    const position = length > 61 && random(3) > 0 ? 61 + random(length - 61) : random(length);
    bytes[position] = random(2) === 0 ? random(256) : interesting[random(interesting.length)]!;
  }
  if (length >= 61) {
    const data = new DataView(bytes.buffer);
    if (random(4) > 0) data.setInt32(8, length - 12);
    data.setUint32(17, crc32c(bytes, 21));
  }
  return bytes;
}

/** Every way in that a batch has. */
function readEveryWay(bytes: Uint8Array, counts: Map<string, number>): void {
  count(counts, 'validate', () => {
    validateBatch(new BatchView(bytes), { origin: 'client', maxBytes: 1 << 20 });
  });
  count(counts, 'cursor', () => {
    const cursor = RecordCursor.over(bytes, options);
    while (cursor.next()) {
      const record = cursor.copy();
      void record.key;
      void record.value;
      void record.headers;
    }
  });
  count(counts, 'recordsOf', () => {
    for (const record of recordsOf(bytes, options)) void record.headers;
  });
}

function count(counts: Map<string, number>, way: string, run: () => void): void {
  let outcome = 'accepted';
  try {
    run();
  } catch (error) {
    if (!(error instanceof MillraceError) || !expectedCodes.has(error.code)) throw error;
    outcome = error.code;
  }
  const key = `${way}: ${outcome}`;
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function fuzz(compression: Compression, inputs: number): Map<string, number> {
  const random = randomNumbers(0x5eed + inputs);
  const records = [
    {
      key: 'key',
      value: 'a value of some length',
      headers: [
        ['name', 'x'],
        ['null', null],
      ] as const,
      timestampMs: 1000,
    },
    { key: null, value: 'b'.repeat(80), timestampMs: 900 },
    { key: 'k', value: null, timestampMs: 2_000_000_000 },
  ];
  const batch = encodeBatch(records, { compression, producerId: 3, producerEpoch: 0, baseSequence: 0 });
  const counts = new Map<string, number>();
  for (let input = 0; input < inputs; input++) readEveryWay(mutate(batch, random), counts);
  return counts;
}

test.each([
  ['none', 150_000],
  ['gzip', 10_000],
  ['snappy', 20_000],
  ['lz4', 20_000],
  ['zstd', 10_000],
] as const)('changed batches with compression %s (%d inputs)', (compression, inputs) => {
  const counts = fuzz(compression, inputs);
  // The changes reach deep: some are harmless, some are found by each of the checks.
  expect(counts.get('cursor: accepted')).toBeGreaterThan(inputs / 100);
  expect(counts.get('cursor: CORRUPT_MESSAGE')).toBeGreaterThan(inputs / 10);
  expect(counts.get('validate: INVALID_RECORD')).toBeGreaterThan(inputs / 100);
});

test('random bytes of any length', () => {
  const random = randomNumbers(99);
  const counts = new Map<string, number>();
  for (let input = 0; input < 20_000; input++) {
    const bytes = Uint8Array.from({ length: random(120) }, () => random(256));
    readEveryWay(bytes, counts);
  }
  expect(counts.get('cursor: CORRUPT_MESSAGE')).toBe(20_000);
});
