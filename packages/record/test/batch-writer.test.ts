import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BatchView, BatchWriter, recordsOf, type PlainRecord } from '@millrace/record';
import { anyRecords, meaningOf, meaningOfPlain } from './arbitrary-records.js';

const options = { maxDecompressedBytes: 1 << 24 };

function appendTo(writer: BatchWriter, record: PlainRecord): boolean {
  return writer.append(record.key ?? null, record.value ?? null, record.headers, record.timestampMs ?? -1);
}

describe('BatchWriter', () => {
  test('takes records while they fit, changes nothing when one does not, and the batch is as large as it said', () => {
    fc.assert(
      fc.property(
        anyRecords,
        fc.integer({ min: 62, max: 30_000 }),
        fc.nat({ max: 200 }),
        (records, maxBytes, initialBytes) => {
          const writer = new BatchWriter({ maxBytes, initialBytes: 62 + initialBytes });
          const taken: PlainRecord[] = [];
          for (const record of records) {
            const before = [writer.recordCount, writer.sizeBytes, writer.firstTimestamp, writer.maxTimestamp];
            if (appendTo(writer, record)) taken.push(record);
            else
              expect([writer.recordCount, writer.sizeBytes, writer.firstTimestamp, writer.maxTimestamp]).toEqual(
                before,
              );
            expect(writer.sizeBytes).toBeLessThanOrEqual(maxBytes);
          }
          expect(writer.recordCount).toBe(taken.length);
          if (taken.length === 0) return;
          const batch = writer.finish();
          expect(batch.length).toBe(writer.sizeBytes);
          expect([...recordsOf(batch, options)].map(meaningOf)).toEqual(taken.map(meaningOfPlain));
        },
      ),
      { numRuns: 500 },
    );
  });

  test('a record fits exactly when the batch with it is no larger than the limit', () => {
    fc.assert(
      fc.property(anyRecords, (records) => {
        const wide = new BatchWriter({ maxBytes: 1 << 24 });
        for (const record of records) appendTo(wide, record);
        const exact = new BatchWriter({ maxBytes: wide.sizeBytes });
        expect(records.map((record) => appendTo(exact, record))).not.toContain(false);
        expect(Buffer.from(exact.finish()).equals(wide.finish())).toBe(true);
        const narrow = new BatchWriter({ maxBytes: Math.max(wide.sizeBytes - 1, 62) });
        expect(records.map((record) => appendTo(narrow, record))).toContain(false);
      }),
      { numRuns: 300 },
    );
  });

  test('lengths that outgrow their reserved place move what follows', () => {
    // 63 characters fit a length of one byte when they are ASCII, and need two when they are not.
    for (const length of [21, 22, 31, 32, 63, 64, 2730, 2731, 4095, 8191, 8192]) {
      for (const character of ['a', 'é', '€', '𝄞']) {
        const text = character.repeat(length);
        const writer = new BatchWriter({ maxBytes: 1 << 20 });
        expect(writer.append(text, text, [[text, text]], 5)).toBe(true);
        expect(writer.append(null, 'next', undefined, 6)).toBe(true);
        const [first, second] = [...recordsOf(writer.finish(), options)];
        expect(Buffer.from(first!.key!).toString()).toBe(text);
        expect(Buffer.from(first!.value!).toString()).toBe(text);
        expect(Buffer.from(first!.headers[0]![1]!).toString()).toBe(text);
        expect(first!.headers[0]![0]).toBe(text);
        expect(Buffer.from(second!.value!).toString()).toBe('next');
      }
    }
  });

  test('a lone surrogate becomes the replacement character', () => {
    const writer = new BatchWriter({ maxBytes: 1000 });
    writer.append('\ud800', 'a\udc00b', undefined, 1);
    const [record] = [...recordsOf(writer.finish(), options)];
    expect(Buffer.from(record!.key!).toString()).toBe('\ufffd');
    expect(Buffer.from(record!.value!).toString()).toBe('a\ufffdb');
  });

  test('after reset it starts a new batch in the same memory', () => {
    const writer = new BatchWriter({ maxBytes: 1000 });
    writer.append('a', 'first', undefined, 50);
    writer.finish();
    writer.reset();
    expect(writer).toMatchObject({ recordCount: 0, sizeBytes: 61, firstTimestamp: -1, maxTimestamp: -1 });
    writer.append('b', 'second', undefined, 7);
    expect([...recordsOf(writer.finish(), options)].map(meaningOf)).toEqual([
      meaningOfPlain({ key: 'b', value: 'second', timestampMs: 7 }, 0),
    ]);
  });

  test('a batch can be finished again for another producer epoch, compressed or not', () => {
    for (const compression of ['none', 'gzip'] as const) {
      const writer = new BatchWriter({ maxBytes: 1000 });
      writer.append('a', 'value', undefined, 50);
      const first = Uint8Array.from(writer.finish({ compression, producerId: 9, producerEpoch: 1, baseSequence: 4 }));
      const again = writer.finish({
        compression,
        producerId: 9,
        producerEpoch: 2,
        baseSequence: 0,
        isTransactional: true,
      });
      expect(new BatchView(first)).toMatchObject({ producerEpoch: 1, baseSequence: 4, isTransactional: false });
      expect(new BatchView(again)).toMatchObject({ producerEpoch: 2, baseSequence: 0, isTransactional: true });
      expect(new BatchView(again).isCrcValid()).toBe(true);
      expect([...recordsOf(again, options)].map(meaningOf)).toEqual([...recordsOf(first, options)].map(meaningOf));
    }
  });

  test('a timestamp that is no moment is refused by name', () => {
    const writer = new BatchWriter({ maxBytes: 1000 });
    for (const timestampMs of [Number.NaN, Infinity, -Infinity, 1.5, -2, 8_640_000_000_000_001, 2 ** 60]) {
      expect(() => writer.append(null, 'v', undefined, timestampMs)).toThrow(
        expect.objectContaining({ code: 'INVALID_TIMESTAMP' }) as Error,
      );
    }
    expect(writer.recordCount).toBe(0);
  });
});
