import { encodeBatch, type PlainRecord } from '@millrace/record';
import { describe, expect, test } from 'vitest';
import { readChunk } from '../src/chunk.js';
import { PartitionError } from '../src/partition-error.js';
import { PartitionState } from '../src/partition-state.js';
import { RecordReader } from '../src/record-reader.js';
import { ReplyMemory } from '../src/reply-memory.js';
import { batchAt, damaged, joined } from './fetched.js';

function readerOf(bytes: Uint8Array, fetchOffset: number, maxDecompressedBytes = 1 << 20, memory?: ReplyMemory) {
  const state = new PartitionState('t', 3, { offset: fetchOffset });
  const chunk = readChunk({ bytes, highWatermark: 100, memory }, fetchOffset);
  state.fetched(chunk);
  state.take();
  const reader = new RecordReader({
    state,
    chunk,
    maxDecompressedBytes,
    deserializers: {
      key: undefined,
      value: (value: Uint8Array | null) => (value === null ? null : Buffer.from(value).toString()),
    },
  });
  const rest = (): number[] => {
    const offsets: number[] = [];
    for (let record = reader.next(); record !== undefined; record = reader.next()) offsets.push(record.offset);
    return offsets;
  };
  return { state, chunk, reader, rest };
}

const asText = (bytes: Uint8Array | null | undefined): string | null | undefined =>
  bytes && Buffer.from(bytes).toString();

const control = { isControl: true, isTransactional: true, producerId: 1, producerEpoch: 0 };

describe('record reader', () => {
  test('reads through batches of any compression, from the wanted offset on', () => {
    const bytes = joined(batchAt(0, 3), batchAt(3, 3, { compression: 'gzip' }), batchAt(6, 2, { compression: 'lz4' }));
    expect(readerOf(bytes, 2).rest()).toEqual([2, 3, 4, 5, 6, 7]);
  });

  test('gives records that keep their parts when reading goes on', () => {
    const { reader } = readerOf(joined(batchAt(5, 2)), 5);
    const [first, second] = [reader.next(), reader.next()];
    expect(first).toMatchObject({ topic: 't', partition: 3, offset: 5, timestampMs: 1005, value: 'v5', headers: [] });
    expect(String(first?.key)).toBe('k5');
    expect(second?.value).toBe('v6');
  });

  test('gives nothing out of memory that was released, neither further records nor parts of earlier ones', () => {
    const { reader, chunk } = readerOf(batchAt(5, 2), 5, 1 << 20, new ReplyMemory(() => undefined));
    const record = reader.next();
    expect(record?.value).toBe('v5');
    chunk.memory?.release();
    const released = expect.objectContaining({ code: 'BATCH_RELEASED' }) as Error;
    expect(() => reader.next()).toThrow(released);
    expect(() => record?.value).toThrow(released);
    expect(() => record?.key).toThrow(released);
    expect(() => record?.headers).toThrow(released);
    expect(record?.offset).toBe(5);
  });

  test('reads keys, values and headers of any size and absence', () => {
    const big = 'x'.repeat(70_000);
    const records: PlainRecord[] = [
      { key: null, value: null },
      { key: '', value: '' },
      { key: big, value: null, headers: [['h', big]] },
      {
        key: null,
        value: big,
        headers: [
          ['a', null],
          ['b', ''],
        ],
      },
    ];
    const { reader } = readerOf(encodeBatch(records), 0);
    const parts = records.map(() => {
      const record = reader.next();
      const headers = record?.headers.map(([name, value]) => [name, asText(value)]);
      return [asText(record?.key as Uint8Array | null), record?.value, headers];
    });
    expect(parts).toEqual([
      [null, null, []],
      ['', '', []],
      [big, null, [['h', big]]],
      [
        null,
        big,
        [
          ['a', null],
          ['b', ''],
        ],
      ],
    ]);
  });

  test('passes over control batches', () => {
    expect(readerOf(joined(batchAt(0, 1), batchAt(1, 1, control), batchAt(2, 1)), 0).rest()).toEqual([0, 2]);
  });

  test('ends after a seek: what follows is not wanted any more', () => {
    const { reader, state } = readerOf(batchAt(0, 3), 0);
    expect(reader.next()?.offset).toBe(0);
    state.seek({ offset: 50 });
    expect(reader.next()).toBeUndefined();
    expect(state.position).toBe(50);
  });

  test('stops the partition at a batch that decompresses to too much, until the program seeks past it', () => {
    const bytes = joined(batchAt(0, 2), batchAt(2, 500, { compression: 'gzip' }));
    const { reader, state } = readerOf(bytes, 0, 1000);
    reader.next();
    reader.next();
    let thrown: unknown;
    try {
      reader.next();
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(PartitionError);
    expect(thrown).toMatchObject({
      code: 'DECOMPRESSED_TOO_LARGE',
      topic: 't',
      partition: 3,
      offset: 2,
      nextOffset: 502,
    });
    expect([state.phase, state.position, reader.next()]).toEqual(['failed', 2, undefined]);
    state.seek({ offset: 502 });
    expect(state.phase).toBe('reading');
  });

  test('stops the partition at a record that breaks the format although the checksum is right', () => {
    // Byte 61 is the length of the first record.
    const { reader, state } = readerOf(joined(batchAt(0, 1), damaged(batchAt(1, 2), 61, true)), 0);
    reader.next();
    expect(() => reader.next()).toThrow(expect.objectContaining({ code: 'CORRUPT_MESSAGE', offset: 1, nextOffset: 3 }));
    expect(state.phase).toBe('failed');
  });
});
