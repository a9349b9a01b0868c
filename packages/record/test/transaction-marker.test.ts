import { describe, expect, test } from 'vitest';
import { BatchView, encodeBatch, encodeTransactionMarker, readTransactionMarker, recordsOf } from '../src/index.js';

const marker = { producerId: 77, producerEpoch: 5, coordinatorEpoch: 300, timestampMs: 1234 };

describe('the marker that ends a transaction', () => {
  test.each(['commit', 'abort'] as const)('says what was written: %s', (kind) => {
    const view = new BatchView(encodeTransactionMarker({ ...marker, kind }));
    expect(view.isCrcValid()).toBe(true);
    expect(view).toMatchObject({
      isControl: true,
      isTransactional: true,
      producerId: 77,
      producerEpoch: 5,
      baseSequence: -1,
      recordCount: 1,
      maxTimestamp: 1234,
    });
    expect(readTransactionMarker(view)).toEqual({ kind, coordinatorEpoch: 300 });
  });

  test('key and value are laid out as Kafka lays them out', () => {
    const batch = encodeTransactionMarker({ ...marker, kind: 'commit' });
    const [record] = [...recordsOf(batch, { maxDecompressedBytes: 100 })];
    expect(Buffer.from(record?.key ?? []).toString('hex')).toBe('00000001');
    expect(Buffer.from(record?.value ?? []).toString('hex')).toBe('00000000012c');
  });

  test.each([
    ['data', { isControl: false, producerId: 1, producerEpoch: 0, baseSequence: 0 }, '00000001', '000000000001'],
    ['a control record of no producer', { isControl: true }, '00000001', '000000000001'],
    ['another control record', { isControl: true, producerId: 1, producerEpoch: 0 }, '00000002', '000000000001'],
    ['a short key', { isControl: true, producerId: 1, producerEpoch: 0 }, '0001', '000000000001'],
    ['a long value', { isControl: true, producerId: 1, producerEpoch: 0 }, '00000001', '0000000000010000'],
  ])('%s is none', (_, options, key, value) => {
    const record = { key: Buffer.from(key, 'hex'), value: Buffer.from(value, 'hex') };
    expect(readTransactionMarker(new BatchView(encodeBatch([record], options)))).toBeUndefined();
  });
});
