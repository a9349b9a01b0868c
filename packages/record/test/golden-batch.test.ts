import { expect, test } from 'vitest';
import { BatchView, encodeBatch, recordsOf } from '@millrace/record';
import { meaningOf } from './arbitrary-records.js';

/** One batch of three records as the format's documentation has it, field by field. */
const golden = Buffer.from(
  [
    '00000000000003e8', // base offset 1000
    '0000005a', // batch length 90: 102 bytes in all
    '00000007', // leader epoch 7
    '02', // magic
    'ddf4a5a5', // CRC-32C of all that follows
    '0000', // attributes
    '00000002', // last offset delta
    '0000018bcfe56800', // base timestamp 1700000000000
    '0000018bcfe56be8', // max timestamp 1700000001000
    '000000000000002a', // producer id 42
    '0003', // producer epoch 3
    '00000064', // base sequence 100
    '00000003', // three records

    '28', // record of 20 bytes
    '00', // attributes
    '00', // timestamp delta 0
    '00', // offset delta 0
    '04' + '6b31', // key "k1"
    '0a' + '68656c6c6f', // value "hello"
    '04', // two headers
    '02' + '61' + '02' + 'ff', // "a": ff
    '02' + '62' + '01', // "b": null

    '12', // record of 9 bytes
    '00',
    'd00f', // timestamp delta 1000
    '02', // offset delta 1
    '01', // null key
    '04' + 'c3a9', // value "é"
    '00', // no headers

    '12', // record of 9 bytes
    '00',
    'cf0f', // timestamp delta -1000
    '04', // offset delta 2
    '04' + '6b31', // key "k1"
    '01', // null value: a tombstone
    '00',
  ].join(''),
  'hex',
);

const records = [
  {
    key: 'k1',
    value: 'hello',
    timestampMs: 1_700_000_000_000,
    headers: [
      ['a', Uint8Array.of(0xff)],
      ['b', null],
    ] as const,
  },
  { key: null, value: 'é', timestampMs: 1_700_000_001_000 },
  { key: Buffer.from('k1'), value: null, timestampMs: 1_699_999_999_000 },
];
const options = { baseOffset: 1000, leaderEpoch: 7, producerId: 42, producerEpoch: 3, baseSequence: 100 };

test('records are encoded to the documented bytes', () => {
  expect(Buffer.from(encodeBatch(records, options)).toString('hex')).toBe(golden.toString('hex'));
});

test('the documented bytes are decoded to the records', () => {
  const view = new BatchView(golden);
  expect(view.isCrcValid()).toBe(true);
  expect(view).toMatchObject({
    sizeBytes: 102,
    baseOffset: 1000,
    lastOffset: 1002,
    nextOffset: 1003,
    leaderEpoch: 7,
    magic: 2,
    compression: 'none',
    timestampType: 'CreateTime',
    isTransactional: false,
    isControl: false,
    baseTimestamp: 1_700_000_000_000,
    maxTimestamp: 1_700_000_001_000,
    producerId: 42,
    producerEpoch: 3,
    baseSequence: 100,
    lastSequence: 102,
    recordCount: 3,
  });
  const decoded = [...recordsOf(golden, { maxDecompressedBytes: 1000 })].map(meaningOf);
  expect(decoded).toEqual([
    {
      offset: 1000,
      timestampMs: 1_700_000_000_000,
      key: '6b31',
      value: '68656c6c6f',
      headers: [
        ['a', 'ff'],
        ['b', null],
      ],
    },
    { offset: 1001, timestampMs: 1_700_000_001_000, key: null, value: 'c3a9', headers: [] },
    { offset: 1002, timestampMs: 1_699_999_999_000, key: '6b31', value: null, headers: [] },
  ]);
});
