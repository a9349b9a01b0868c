import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { BatchView, encodeBatch, loadCompression, validateBatch, type BatchLimits } from '@millrace/record';
import { anyCompression, anyRecords } from './arbitrary-records.js';
import { sealed } from './sealed.js';

beforeAll(() => loadCompression('zstd'));

const client: BatchLimits = { origin: 'client', maxBytes: 10_000 };
const replica: BatchLimits = { origin: 'replica', maxBytes: 10_000 };
const coordinator: BatchLimits = { origin: 'coordinator', maxBytes: 10_000 };

function outcome(bytes: Uint8Array, limits: BatchLimits): string {
  try {
    validateBatch(new BatchView(bytes), limits);
    return 'accepted';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

const records = [
  { key: 'a', value: 'one', timestampMs: 1000 },
  { key: 'b', value: 'two', timestampMs: 2000 },
];
const plain = encodeBatch(records);
const idempotent = encodeBatch(records, { producerId: 5, producerEpoch: 0, baseSequence: 7 });
const infinity = (data: DataView, position: number, high: number): void => {
  data.setInt32(position, high);
  data.setInt32(position + 4, high < 0 ? 0 : -1);
};

describe('validateBatch', () => {
  test('accepts every batch that a producer makes', () => {
    fc.assert(
      fc.property(anyRecords, anyCompression, fc.boolean(), (anything, compression, isTransactional) => {
        // The first record carries the base timestamp; with times that go back the greatest is still not below it.
        const batch = encodeBatch(anything, {
          compression,
          producerId: 3,
          producerEpoch: 1,
          baseSequence: 0,
          isTransactional,
        });
        expect(outcome(batch, { origin: 'client', maxBytes: 1 << 20 })).toBe('accepted');
        expect(outcome(batch, { origin: 'coordinator', maxBytes: 1 << 20 })).toBe('accepted');
        expect(outcome(batch, { origin: 'replica', maxBytes: 1 << 20 })).toBe('accepted');
      }),
      { numRuns: 200 },
    );
  });

  type Change = (data: DataView, bytes: Uint8Array) => void;
  /** Each with a CRC that is right: what a client that means harm, or is broken, would send. */
  const refused: [string, Uint8Array, Change, string][] = [
    [
      'a size below a header',
      plain,
      (data) => {
        data.setInt32(8, 48);
      },
      'CORRUPT_MESSAGE',
    ],
    [
      'a negative size',
      plain,
      (data) => {
        data.setInt32(8, -1);
      },
      'CORRUPT_MESSAGE',
    ],
    [
      'a size beyond the bytes',
      plain,
      (data) => {
        data.setInt32(8, plain.length - 11);
      },
      'CORRUPT_MESSAGE',
    ],
    [
      'a size beyond the limit',
      plain,
      (data) => {
        data.setInt32(8, 10_001 - 12);
      },
      'MESSAGE_TOO_LARGE',
    ],
    [
      'magic 0',
      plain,
      (_, bytes) => {
        bytes[16] = 0;
      },
      'CORRUPT_MESSAGE',
    ],
    [
      'magic 3',
      plain,
      (_, bytes) => {
        bytes[16] = 3;
      },
      'CORRUPT_MESSAGE',
    ],
    [
      'compression code 5',
      plain,
      (data) => {
        data.setInt16(21, 5);
      },
      'INVALID_RECORD',
    ],
    [
      'compression code 7',
      plain,
      (data) => {
        data.setInt16(21, 7);
      },
      'INVALID_RECORD',
    ],
    [
      'the control bit',
      idempotent,
      (data) => {
        data.setInt16(21, 1 << 5);
      },
      'INVALID_RECORD',
    ],
    [
      'a delete horizon',
      plain,
      (data) => {
        data.setInt16(21, 1 << 6);
      },
      'INVALID_RECORD',
    ],
    [
      'attribute bit 7',
      plain,
      (data) => {
        data.setInt16(21, 1 << 7);
      },
      'INVALID_RECORD',
    ],
    [
      'attribute bit 15',
      plain,
      (data) => {
        data.setInt16(21, -0x8000);
      },
      'INVALID_RECORD',
    ],
    [
      'no records',
      plain,
      (data) => {
        data.setInt32(57, 0);
        data.setInt32(23, -1);
      },
      'INVALID_RECORD',
    ],
    [
      'a negative count',
      plain,
      (data) => {
        data.setInt32(57, -2);
      },
      'INVALID_RECORD',
    ],
    [
      'a count above the delta',
      plain,
      (data) => {
        data.setInt32(57, 3);
      },
      'INVALID_RECORD',
    ],
    [
      'a count below the delta',
      plain,
      (data) => {
        data.setInt32(57, 1);
      },
      'INVALID_RECORD',
    ],
    [
      'more records than fit',
      plain,
      (data) => {
        data.setInt32(57, 4);
        data.setInt32(23, 3);
      },
      'INVALID_RECORD',
    ],
    [
      '2^31-1 records',
      plain,
      (data) => {
        data.setInt32(57, 2 ** 31 - 1);
        data.setInt32(23, 2 ** 31 - 2);
      },
      'INVALID_RECORD',
    ],
    [
      'a negative delta',
      plain,
      (data) => {
        data.setInt32(23, -1);
      },
      'INVALID_RECORD',
    ],
    [
      'base offset 1',
      plain,
      (data) => {
        data.setInt32(4, 1);
      },
      'INVALID_RECORD',
    ],
    [
      'base offset -1',
      plain,
      (data) => {
        infinity(data, 0, -1);
        data.setInt32(4, -1);
      },
      'INVALID_RECORD',
    ],
    [
      'base offset 2^63-1',
      plain,
      (data) => {
        infinity(data, 0, 0x7fff_ffff);
      },
      'INVALID_RECORD',
    ],
    [
      'a leader epoch',
      plain,
      (data) => {
        data.setInt32(12, 4);
      },
      'INVALID_RECORD',
    ],
    [
      'leader epoch -2',
      plain,
      (data) => {
        data.setInt32(12, -2);
      },
      'INVALID_RECORD',
    ],
    [
      'producer id -2',
      plain,
      (data) => {
        infinity(data, 43, -1);
        data.setInt32(47, -2);
      },
      'INVALID_RECORD',
    ],
    [
      'producer id 2^63-1',
      idempotent,
      (data) => {
        infinity(data, 43, 0x7fff_ffff);
      },
      'INVALID_RECORD',
    ],
    [
      'a transaction without a producer id',
      plain,
      (data) => {
        data.setInt16(21, 1 << 4);
      },
      'INVALID_RECORD',
    ],
    [
      'an epoch without a producer id',
      plain,
      (data) => {
        data.setInt16(51, 1);
      },
      'INVALID_RECORD',
    ],
    [
      'a sequence without a producer id',
      plain,
      (data) => {
        data.setInt32(53, 1);
      },
      'INVALID_RECORD',
    ],
    [
      'a producer id without an epoch',
      idempotent,
      (data) => {
        data.setInt16(51, -1);
      },
      'INVALID_RECORD',
    ],
    [
      'a producer id without a sequence',
      idempotent,
      (data) => {
        data.setInt32(53, -1);
      },
      'INVALID_RECORD',
    ],
    [
      'epoch -2',
      idempotent,
      (data) => {
        data.setInt16(51, -2);
      },
      'INVALID_RECORD',
    ],
    [
      'sequence -2',
      idempotent,
      (data) => {
        data.setInt32(53, -2);
      },
      'INVALID_RECORD',
    ],
    [
      'the time of append',
      plain,
      (data) => {
        data.setInt16(21, 1 << 3);
      },
      'INVALID_TIMESTAMP',
    ],
    [
      'a greatest time before the first',
      plain,
      (data) => {
        data.setInt32(39, 999);
      },
      'INVALID_TIMESTAMP',
    ],
    [
      'a greatest time of +infinity',
      plain,
      (data) => {
        infinity(data, 35, 0x7fff_ffff);
      },
      'INVALID_TIMESTAMP',
    ],
    [
      'a greatest time of -infinity',
      plain,
      (data) => {
        infinity(data, 35, -0x8000_0000);
      },
      'INVALID_TIMESTAMP',
    ],
    [
      'a first time of +infinity',
      plain,
      (data) => {
        infinity(data, 27, 0x7fff_ffff);
      },
      'INVALID_TIMESTAMP',
    ],
    [
      'a first time of -infinity',
      plain,
      (data) => {
        infinity(data, 27, -0x8000_0000);
      },
      'INVALID_TIMESTAMP',
    ],
    [
      'a first time of -2',
      plain,
      (data) => {
        data.setInt32(27, -1);
        data.setInt32(31, -2);
      },
      'INVALID_TIMESTAMP',
    ],
    [
      'a time no Date can hold',
      plain,
      (data) => {
        data.setInt32(35, 0x1f_ffff);
      },
      'INVALID_TIMESTAMP',
    ],
  ];

  test.each(refused)('refuses from a client: %s', (_, batch, change, code) => {
    expect(outcome(batch, client)).toBe('accepted');
    expect(outcome(sealed(batch, change), client)).toBe(code);
  });

  test('refuses a compressed batch that counts records and has none', () => {
    const gzip = encodeBatch(records, { compression: 'gzip' });
    const empty = sealed(gzip.subarray(0, 61), (data) => {
      data.setInt32(8, 49);
    });
    expect(outcome(empty, client)).toBe('INVALID_RECORD');
  });

  test('accepts a batch of exactly the limit', () => {
    expect(outcome(plain, { origin: 'client', maxBytes: plain.length })).toBe('accepted');
    expect(outcome(plain, { origin: 'client', maxBytes: plain.length - 1 })).toBe('MESSAGE_TOO_LARGE');
  });

  test('holds timestamps to the limits of the topic', () => {
    const limits = (minTimestampMs: number, maxTimestampMs: number): BatchLimits => ({
      ...client,
      minTimestampMs,
      maxTimestampMs,
    });
    expect(outcome(plain, limits(1000, 2000))).toBe('accepted');
    expect(outcome(plain, limits(1001, 2000))).toBe('INVALID_TIMESTAMP');
    expect(outcome(plain, limits(1000, 1999))).toBe('INVALID_TIMESTAMP');
    expect(outcome(encodeBatch([{ value: 'no time' }]), limits(1000, 2000))).toBe('accepted');
  });

  test('a coordinator may write control batches, for a producer without a sequence', () => {
    const marker = encodeBatch([{ key: 'k', value: 'v' }], {
      producerId: 5,
      producerEpoch: 1,
      isControl: true,
      isTransactional: true,
    });
    expect(outcome(marker, coordinator)).toBe('accepted');
    expect(outcome(marker, replica)).toBe('accepted');
    expect(outcome(marker, client)).toBe('INVALID_RECORD');
  });

  test('a replica may have what a leader and compaction set, and still no impossible counts', () => {
    const kept = sealed(encodeBatch(records, { baseOffset: 500, leaderEpoch: 9 }), (data) => {
      data.setInt32(23, 40);
      data.setInt16(21, (1 << 3) | (1 << 6));
    });
    expect(outcome(kept, replica)).toBe('accepted');
    expect(outcome(kept, client)).toBe('INVALID_RECORD');
    expect(
      outcome(
        sealed(kept, (data) => {
          data.setInt32(23, 0);
        }),
        replica,
      ),
    ).toBe('INVALID_RECORD');
    expect(
      outcome(
        sealed(kept, (data) => {
          infinity(data, 0, -1);
        }),
        replica,
      ),
    ).toBe('INVALID_RECORD');
    expect(
      outcome(
        sealed(kept, (data) => {
          data.setInt32(0, 0x1f_ffff);
          data.setInt32(4, -3);
        }),
        replica,
      ),
    ).toBe('INVALID_RECORD');
  });

  test('a replica may not end where the next offset could not be counted', () => {
    expect(outcome(encodeBatch([{ value: 'a' }], { baseOffset: 2 ** 53 - 2, leaderEpoch: 1 }), replica)).toBe(
      'accepted',
    );
    expect(outcome(encodeBatch([{ value: 'a' }], { baseOffset: 2 ** 53 - 1, leaderEpoch: 1 }), replica)).toBe(
      'INVALID_RECORD',
    );
  });

  test('every flip of one bit is refused, but for those in the two fields that only a leader sets', () => {
    for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
      const batch = encodeBatch(
        [
          { key: 'key', value: 'some value', headers: [['h', 'x']], timestampMs: 1_700_000_000_000 },
          { value: 'w'.repeat(40) },
        ],
        { compression, producerId: 77, producerEpoch: 2, baseSequence: 5, baseOffset: 1_000_000, leaderEpoch: 3 },
      );
      for (let bit = 0; bit < batch.length * 8; bit++) {
        const position = bit >> 3;
        const flipped = Uint8Array.from(batch);
        flipped[position]! ^= 1 << (bit & 7);
        const isOutsideCrc = position < 8 || (position >= 12 && position < 16);
        const result = outcome(flipped, replica);
        if (!isOutsideCrc) expect(result, `bit ${bit}, ${compression}`).toMatch(/CORRUPT_MESSAGE|MESSAGE_TOO_LARGE/);
        else expect(result).toMatch(/accepted|INVALID_RECORD/);
        if (position >= 21) expect(new BatchView(flipped).isCrcValid()).toBe(false);
      }
    }
  });
});
