import { inspect } from 'node:util';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  BatchView,
  encodeBatch,
  loadCompression,
  patchBatch,
  RecordCursor,
  recordsOf,
  type LogRecord,
} from '@millrace/record';
import { anyCompression, anyRecords, meaningOf, meaningOfPlain } from './arbitrary-records.js';
import { sealed } from './sealed.js';

const options = { maxDecompressedBytes: 1 << 24 };

beforeAll(() => loadCompression('zstd'));

function readAll(bytes: Uint8Array): LogRecord[] {
  const records: LogRecord[] = [];
  const cursor = RecordCursor.over(bytes, options);
  while (cursor.next()) {
    const copy = cursor.copy();
    expect(meaningOf(cursor)).toEqual(meaningOf(copy));
    records.push(copy);
  }
  return records;
}

describe('RecordCursor', () => {
  test('returns what was written, at any offset, with any compression', () => {
    fc.assert(
      fc.property(anyRecords, anyCompression, fc.maxSafeInteger(), (records, compression, anywhere) => {
        const baseOffset = Math.min(Math.abs(anywhere), 2 ** 53 - 100);
        const batch = encodeBatch(records, { compression, baseOffset });
        expect(readAll(batch).map(meaningOf)).toEqual(
          records.map((record, index) => meaningOfPlain(record, baseOffset + index)),
        );
      }),
      { numRuns: 300 },
    );
  });

  test('reads several batches from the middle of a larger buffer', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(anyRecords, anyCompression), { minLength: 1, maxLength: 4 }), (batches) => {
        let offset = 10;
        const expected = [];
        const parts: Uint8Array[] = [];
        for (const [records, compression] of batches) {
          parts.push(encodeBatch(records, { compression, baseOffset: offset }));
          for (const record of records) expected.push(meaningOfPlain(record, offset++));
        }
        const whole = Buffer.concat([Buffer.alloc(13, 0xff), ...parts, Buffer.alloc(9, 0xff)]);
        const bytes = new Uint8Array(whole.buffer, whole.byteOffset + 13, whole.length - 22);
        expect([...recordsOf(bytes, options)].map(meaningOf)).toEqual(expected);
      }),
      { numRuns: 50 },
    );
  });

  test('every record of a batch with the time of append has that time', () => {
    const batch = encodeBatch([
      { value: 'a', timestampMs: 5 },
      { value: 'b', timestampMs: 3 },
    ]);
    patchBatch(batch, 0, { baseOffset: 0, leaderEpoch: 0, logAppendTimeMs: 77 });
    expect(readAll(batch).map((record) => record.timestampMs)).toEqual([77, 77]);
  });

  test('offsets may have gaps, as compaction leaves them', () => {
    const batch = encodeBatch([{ value: 'a' }, { value: 'b' }, { value: 'c' }], { baseOffset: 100 });
    const one = batch.length - (batch.length - 61) / 3; // three records of one size: drop the first
    const kept = Uint8Array.from([...batch.subarray(0, 61), ...batch.subarray(61 + (batch.length - one))]);
    const compacted = sealed(kept, (data) => {
      data.setInt32(8, kept.length - 12);
      data.setInt32(57, 2);
    });
    expect(readAll(compacted).map((record) => record.offset)).toEqual([101, 102]);
  });

  test('an emptied batch has no records, whatever its compression says', () => {
    const batch = encodeBatch([{ value: 'a' }], { compression: 'lz4' }).subarray(0, 61);
    const empty = sealed(batch, (data) => {
      data.setInt32(8, 49);
      data.setInt32(57, 0);
    });
    expect(readAll(empty)).toEqual([]);
  });

  test('a record shows its fields when printed', () => {
    const [record] = readAll(encodeBatch([{ key: 'k', value: 'v', timestampMs: 4, headers: [['h', null]] }]));
    const shown = inspect(record);
    for (const part of ['offset: 0', 'timestampMs: 4', '<Buffer 6b>', '<Buffer 76>', "[ 'h', null ]"]) {
      expect(shown).toContain(part);
    }
  });

  test('a record keeps its fields when the cursor moves on', () => {
    const cursor = RecordCursor.over(encodeBatch([{ key: 'a', value: '1' }, { key: 'b' }]), options);
    cursor.next();
    const first = cursor.copy();
    cursor.next();
    expect(String(first.key)).toBe('a');
    expect(String(first.value)).toBe('1');
    expect(cursor.value).toBeNull();
    expect(cursor.next()).toBe(false);
    expect(cursor.next()).toBe(false);
  });
});

describe('a batch with a right CRC and wrong content is corrupt:', () => {
  /** 61: length, attributes, timestamp delta, offset delta, 65: key length 1, "k", 67: value length 1, "v", 69: headers 1 */
  const batch = encodeBatch([{ key: 'k', value: 'v', headers: [['h', 'x']] }, { value: 'w' }]);
  const cases: [string, (data: DataView, bytes: Uint8Array) => void, string][] = [
    [
      'more records than there are bytes for',
      (data) => {
        data.setInt32(57, 3);
      },
      'inside a varint',
    ],
    [
      'fewer records than there are',
      (data) => {
        data.setInt32(57, 1);
      },
      'bytes follow its last record',
    ],
    [
      'a negative count',
      (data) => {
        data.setInt32(57, -1);
      },
      'counts -1 records',
    ],
    [
      'a record longer than the batch',
      (_, bytes) => {
        bytes[61] = 0x7e;
      },
      'reaches past its end',
    ],
    [
      'a record of negative length',
      (_, bytes) => {
        bytes[61] = 1;
      },
      'reaches past its end',
    ],
    [
      'a record shorter than its fields',
      (_, bytes) => {
        bytes[61] = 6;
      },
      'inside a varint',
    ],
    [
      'an offset beyond the last',
      (_, bytes) => {
        bytes[64] = 4;
      },
      'offset delta 2',
    ],
    [
      'an offset before the batch',
      (_, bytes) => {
        bytes[64] = 1;
      },
      'offset delta -1',
    ],
    [
      'two records of one offset',
      (_, bytes) => {
        bytes[64] = 2;
      },
      'offset delta 1 follows 1',
    ],
    [
      'a key longer than its record',
      (_, bytes) => {
        bytes[65] = 40;
      },
      'inside a varint',
    ],
    [
      'a key of length -2',
      (_, bytes) => {
        bytes[65] = 3;
      },
      'reaches past the end of its record',
    ],
    [
      'a null key of length -2',
      (_, bytes) => {
        bytes[62 + bytes[61]! / 2 + 4] = 3; // the key length of the second record
      },
      'reaches past the end of its record',
    ],
    [
      'a value longer than its record',
      (_, bytes) => {
        bytes[67] = 40;
      },
      'reaches past the end of its record',
    ],
    [
      'a value that leaves no room for headers',
      (_, bytes) => {
        bytes[67] = 12;
      },
      'reaches past the end of its record',
    ],
    [
      'more headers than there are bytes for',
      (_, bytes) => {
        bytes[69] = 20;
      },
      'counts 10 headers',
    ],
    [
      'a negative count of headers',
      (_, bytes) => {
        bytes[69] = 1;
      },
      'counts -1 headers',
    ],
    [
      'fewer headers than there are',
      (_, bytes) => {
        bytes[69] = 0;
      },
      'bytes follow the headers',
    ],
    [
      'a header without a name',
      (_, bytes) => {
        bytes[70] = 1;
      },
      'a header has no name',
    ],
    [
      'a header name longer than its record',
      (_, bytes) => {
        bytes[70] = 60;
      },
      'a header reaches past',
    ],
    [
      'a header value shorter than there is',
      (_, bytes) => {
        bytes[72] = 0;
      },
      'bytes follow the headers',
    ],
    [
      'another magic',
      (_, bytes) => {
        bytes[16] = 1;
      },
      'magic is 1',
    ],
    [
      'an unknown compression',
      (_, bytes) => {
        bytes[22] = 7;
      },
      'compression code is unknown',
    ],
    [
      'a size beyond its bytes',
      (data) => {
        data.setInt32(8, 1000);
      },
      'ends before that',
    ],
    [
      'an offset above 2^53',
      (data) => {
        data.setInt32(0, 0x7fff_ffff);
      },
      'offsets are outside',
    ],
    [
      'a last offset above 2^53',
      (data) => {
        data.setInt32(0, 0x1f_ffff);
        data.setInt32(4, -1);
      },
      'offsets are outside',
    ],
    [
      'a first timestamp above 2^53',
      (data) => {
        data.setInt32(27, 0x7fff_ffff);
      },
      'timestamps are outside',
    ],
    [
      'a greatest timestamp below -2^53',
      (data) => {
        data.setInt32(35, -0x8000_0000);
      },
      'timestamps are outside',
    ],
  ];

  test.each(cases)('%s', (_, change, message) => {
    expect(() => readAll(sealed(batch, change))).toThrow(
      expect.objectContaining({
        code: 'CORRUPT_MESSAGE',
        message: expect.stringContaining(message) as string,
      }) as Error,
    );
  });

  test('the batch itself is right', () => {
    expect(readAll(sealed(batch, () => undefined))).toHaveLength(2);
  });
});

describe('recordsOf', () => {
  const batch = encodeBatch([{ value: 'a' }]);

  test('refuses a batch that is cut off', () => {
    expect(() => [...recordsOf(batch.subarray(0, batch.length - 1), options)]).toThrow(
      'the batch at byte 0 is cut off',
    );
    expect(() => [...recordsOf(Buffer.concat([batch, batch.subarray(0, 5)]), options)]).toThrow(
      'at byte 69 is cut off',
    );
  });

  test('refuses a batch whose checksum is wrong', () => {
    const wrong = Uint8Array.from(batch);
    wrong[66]! ^= 1;
    expect(() => [...recordsOf(wrong, options)]).toThrow('checksum');
    expect(new BatchView(wrong).isCrcValid()).toBe(false);
  });
});
