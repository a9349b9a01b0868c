/** Finding a batch among bytes, and patching it where it lies. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { batchHeaderBytes, BatchView, encodeBatch, nextBatchSize, patchBatch } from '@millrace/record';

describe('nextBatchSize', () => {
  const batch = encodeBatch([{ key: 'k', value: 'value' }]);

  test('is undefined until the whole batch is there', () => {
    const bytes = Buffer.concat([Buffer.alloc(5), batch, Buffer.alloc(3)]);
    for (let length = 0; length < batch.length; length++) {
      expect(nextBatchSize(bytes, 5, 5 + length)).toBeUndefined();
    }
    expect(nextBatchSize(bytes, 5, 5 + batch.length)).toBe(batch.length);
    expect(nextBatchSize(bytes, 5, bytes.length)).toBe(batch.length);
  });

  test('throws for a length below that of an empty batch, and waits for any other', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), fc.integer({ min: -5, max: 120 })),
        (length) => {
          const bytes = Uint8Array.from(batch);
          new DataView(bytes.buffer).setInt32(8, length);
          if (length < 49) expect(() => nextBatchSize(bytes, 0, bytes.length)).toThrow('length field');
          else
            expect(nextBatchSize(bytes, 0, bytes.length)).toBe(length + 12 <= bytes.length ? length + 12 : undefined);
        },
      ),
    );
  });
});

describe('BatchView', () => {
  test('moves over batches without losing its place', () => {
    const first = encodeBatch([{ value: 'a' }], { baseOffset: 3 });
    const second = encodeBatch([{ value: 'b' }, { value: 'c' }], { baseOffset: 4 });
    const bytes = Buffer.concat([first, second]);
    const view = new BatchView();
    expect(view.at(bytes, 0).nextOffset).toBe(4);
    expect(view.at(bytes, view.sizeBytes).nextOffset).toBe(6);
    expect(view.at(second).position).toBe(0);
    expect(view.isCrcValid()).toBe(true);
  });

  test('needs a whole header', () => {
    const batch = encodeBatch([{ value: 'a' }]);
    expect(() => new BatchView(batch.subarray(0, batchHeaderBytes - 1))).toThrow('too few');
    expect(() => new BatchView(batch, batch.length - 10)).toThrow('too few');
    expect(() => new BatchView(batch, -1)).toThrow('too few');
    expect(new BatchView(batch.subarray(0, batchHeaderBytes)).isComplete).toBe(false);
  });

  test('numbers that a double cannot hold come out as unsafe integers, never as an exception or as another offset', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        const batch = encodeBatch([{ value: 'a' }]);
        const data = new DataView(batch.buffer, batch.byteOffset);
        for (const position of [0, 27, 35, 43]) data.setBigInt64(position, value);
        const view = new BatchView(batch);
        for (const read of [view.baseOffset, view.baseTimestamp, view.maxTimestamp, view.producerId]) {
          const isSafe = value >= -(2n ** 53n) + 1n && value <= 2n ** 53n - 1n;
          expect(Number.isSafeInteger(read)).toBe(isSafe);
          if (isSafe) expect(BigInt(read)).toBe(value);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('a batch of an impossible size is never complete', () => {
    const batch = encodeBatch([{ value: 'a' }]);
    for (const length of [-(2 ** 31), -1, 0, 48, batch.length - 11, 2 ** 31 - 1]) {
      new DataView(batch.buffer, batch.byteOffset).setInt32(8, length);
      expect(new BatchView(batch).isComplete).toBe(false);
      expect(new BatchView(batch).isCrcValid()).toBe(false);
    }
  });

  test('sequences go on at 0 after the greatest', () => {
    const records = [{ value: 'a' }, { value: 'b' }, { value: 'c' }];
    const last = (baseSequence: number): number =>
      new BatchView(encodeBatch(records, { producerId: 1, producerEpoch: 0, baseSequence })).lastSequence;
    expect(last(10)).toBe(12);
    expect(last(2 ** 31 - 3)).toBe(2 ** 31 - 1);
    expect(last(2 ** 31 - 2)).toBe(0);
    expect(last(2 ** 31 - 1)).toBe(1);
    expect(last(-1)).toBe(-1);
  });
});

describe('patchBatch', () => {
  test('sets offset and epoch and leaves all that the CRC covers as it was', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.integer({ min: 0, max: 2 ** 31 - 1 }), (anywhere, leaderEpoch) => {
        const baseOffset = Math.abs(anywhere);
        const batch = encodeBatch([{ key: 'k', value: 'v' }], { producerId: 8, producerEpoch: 1, baseSequence: 2 });
        const bytes = Buffer.concat([Buffer.alloc(7), batch]);
        patchBatch(bytes, 7, { baseOffset, leaderEpoch });
        expect(new BatchView(bytes, 7)).toMatchObject({ baseOffset, leaderEpoch });
        expect(new BatchView(bytes, 7).isCrcValid()).toBe(true);
        expect(bytes.subarray(7 + 16).equals(batch.subarray(16))).toBe(true);
      }),
    );
  });

  test('sets the time of append and makes the CRC again', () => {
    const bytes = Buffer.from(encodeBatch([{ value: 'v', timestampMs: 5 }], { compression: 'gzip' }));
    patchBatch(bytes, 0, { baseOffset: 1, leaderEpoch: 2, logAppendTimeMs: 1_700_000_000_000 });
    const view = new BatchView(bytes);
    expect(view).toMatchObject({
      timestampType: 'LogAppendTime',
      maxTimestamp: 1_700_000_000_000,
      baseTimestamp: 5,
      compression: 'gzip',
    });
    expect(view.isCrcValid()).toBe(true);
  });
});
