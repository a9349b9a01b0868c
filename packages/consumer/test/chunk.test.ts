import { describe, expect, test } from 'vitest';
import { compressionsIn, readChunk } from '../src/chunk.js';
import { batchAt, damaged, joined, moved } from './fetched.js';

describe('a chunk', () => {
  test('holds whole batches and ends where the next fetch begins', () => {
    const bytes = joined(batchAt(10, 5), batchAt(15, 2));
    expect(readChunk({ bytes, highWatermark: 100 }, 12)).toMatchObject({
      firstOffset: 12,
      nextOffset: 17,
      highWatermark: 100,
      error: undefined,
    });
  });

  test('is empty when nothing came', () => {
    expect(readChunk({ bytes: new Uint8Array(), highWatermark: 7 }, 7)).toMatchObject({
      firstOffset: 7,
      nextOffset: 7,
      error: undefined,
    });
  });

  test('ends before a batch with a wrong checksum, and says where to go on', () => {
    const bad = damaged(batchAt(15, 3), 70);
    const chunk = readChunk({ bytes: joined(batchAt(10, 5), bad, batchAt(18, 1)), highWatermark: 20 }, 10);
    expect(chunk).toMatchObject({ nextOffset: 15, error: { code: 'CORRUPT_MESSAGE' }, resumeOffset: 18 });
    expect(chunk.bytes.length).toBe(batchAt(10, 5).length);
  });

  test.each([
    ['a batch that is cut off', batchAt(15, 3).subarray(0, 80)],
    ['a length that is impossible', damaged(batchAt(15, 3), 8)],
    ['a batch that brings nothing new', moved(batchAt(10, 5), 10)],
    ['offsets beyond all bounds', moved(batchAt(15, 3), 2 ** 53 - 2)],
  ])('ends before %s, so that it is not fetched for ever', (_, bad) => {
    expect(readChunk({ bytes: joined(batchAt(10, 5), bad), highWatermark: 20 }, 10)).toMatchObject({
      nextOffset: 15,
      error: { code: 'CORRUPT_MESSAGE' },
    });
  });

  test('tells the compressions of its batches, as far as they can be walked over', () => {
    const bytes = joined(batchAt(0, 1), batchAt(1, 1, { compression: 'gzip' }), batchAt(2, 1).subarray(0, 30));
    expect(compressionsIn(bytes)).toEqual(new Set(['none', 'gzip']));
  });
});
