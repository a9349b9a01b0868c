import { createRequire } from 'node:module';
import { gunzipSync, gzipSync } from 'node:zlib';
import type * as Snappy from 'snappy';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { compress, compressions, decompress, loadCompression } from '@millrace/record';

const require = createRequire(import.meta.url);
const snappy = require('snappy') as typeof Snappy;

beforeAll(() => Promise.all(compressions.map(loadCompression)));

const codecs = ['gzip', 'snappy', 'lz4', 'zstd'] as const;
const text =
  'beta flight delay delay delay alpha gamma alpha delta delay delta delta airport delta delay beta alpha delta alpha ' +
  'delay delta delta flight delay delay alpha airport delta gamma airport delay beta flight alpha gamma alpha alpha alpha ' +
  'airport flight';

function code(run: () => unknown): string {
  try {
    run();
    return 'returned';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe.each(codecs)('%s', (codec) => {
  test('gives back what it was given, and refuses a limit one byte below', () => {
    const input = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc
        .tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 5000 }))
        .map(([unit, times]) => {
          return new Uint8Array(Buffer.alloc(unit.length * times, unit));
        }),
    );
    fc.assert(
      fc.property(input, (bytes) => {
        const compressed = compress(codec, bytes);
        expect(Buffer.from(decompress(codec, compressed, Math.max(bytes.length, 1))).equals(bytes)).toBe(true);
        if (bytes.length > 1) {
          expect(code(() => decompress(codec, compressed, bytes.length - 1))).toBe('DECOMPRESSED_TOO_LARGE');
        }
      }),
      { numRuns: 200 },
    );
  });

  test('gives back several megabytes of text and of noise', () => {
    const noise = Buffer.alloc(3_000_000);
    for (let index = 0, state = 1; index < noise.length; index++) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      noise[index] = state >>> 16;
    }
    for (const bytes of [noise, Buffer.alloc(3_000_000, text)]) {
      const compressed = compress(codec, bytes);
      expect(Buffer.from(decompress(codec, compressed, bytes.length)).equals(bytes)).toBe(true);
      expect(code(() => decompress(codec, compressed, bytes.length - 1))).toBe('DECOMPRESSED_TOO_LARGE');
    }
  });

  test('concatenated streams are all read', () => {
    const parts = ['first ', '', text, 'x'];
    const whole = Buffer.concat(parts.map((part) => compress(codec, Buffer.from(part))));
    const expected = parts.join('');
    expect(Buffer.from(decompress(codec, whole, expected.length)).toString()).toBe(expected);
    expect(code(() => decompress(codec, whole, expected.length - 1))).toBe('DECOMPRESSED_TOO_LARGE');
  });

  test('bytes that follow the stream are never dropped in silence', () => {
    const compressed = compress(codec, Buffer.from(text));
    for (const tail of ['00', '0000000000000000', '616263', '1f', 'ffffffffffffffffffff']) {
      const bytes = Buffer.concat([compressed, Buffer.from(tail, 'hex')]);
      expect(
        code(() => decompress(codec, bytes, 1 << 20)),
        tail,
      ).toBe('CORRUPT_MESSAGE');
    }
  });

  test('a stream cut off anywhere is corrupt', () => {
    const compressed = compress(codec, Buffer.from(text));
    for (let length = 1; length < compressed.length; length++) {
      // Snappy's framing has no end mark: cut before the first block, it is an empty stream.
      if (codec === 'snappy' && length === 16) continue;
      expect(
        code(() => decompress(codec, compressed.subarray(0, length), 1 << 20)),
        `${length}`,
      ).toBe('CORRUPT_MESSAGE');
    }
  });

  test('noise never gets past a typed error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(code(() => decompress(codec, bytes, 1000))).toMatch(/returned|CORRUPT_MESSAGE|DECOMPRESSED_TOO_LARGE/);
      }),
      { numRuns: 2000 },
    );
  });

  test('a bomb is refused at the limit, without the memory it asks for', () => {
    // One GiB of zeros, in sixteen streams that follow each other. Snappy cannot grow more than 21 times.
    const stream = compress(codec, Buffer.alloc(64 << 20));
    const bomb = Buffer.concat(new Array<Uint8Array>(16).fill(stream));
    const growth = (1 << 30) / bomb.length;
    expect(growth).toBeGreaterThan(codec === 'snappy' ? 20 : codec === 'lz4' ? 250 : 1000);
    const before = process.memoryUsage.rss();
    for (const maxBytes of [1000, 1 << 20, 16 << 20]) {
      expect(code(() => decompress(codec, stream, maxBytes))).toBe('DECOMPRESSED_TOO_LARGE');
      expect(code(() => decompress(codec, bomb, maxBytes))).toBe('DECOMPRESSED_TOO_LARGE');
    }
    // Of the whole process, other tests included: well below one bomb let through.
    expect(process.memoryUsage.rss() - before).toBeLessThan(700 << 20);
  });
});

describe('none', () => {
  test('has the same limit as the others', () => {
    expect(decompress('none', Buffer.from('abc'), 3)).toEqual(Buffer.from('abc'));
    expect(code(() => decompress('none', Buffer.from('abc'), 2))).toBe('DECOMPRESSED_TOO_LARGE');
  });
});

describe('data of other programs', () => {
  /** Made by the command-line tools of Debian 12 from `text`, read from a pipe: sizes are not declared. */
  const vectors = {
    'zstd -c':
      '28b52ffd045845030034036265746120666c696768742064656c6179616c7068612067616d6d6164656c7461746120616972706f7262657466' +
      '6c6967687414004f90508341ec3d0c91e10c046e362c3e832c48708ac1c0120051400d035e0aa0959ca10a8ed00e6070d4d62f999fa32c0122' +
      '310d05',
    'zstd FILE (size declared)':
      '28b52ffd24f835030024036265746120666c696768742064656c6179616c7068612067616d6d6164656c7461746120616972706f726179666c' +
      '6967687414004f900018c4ccc3d0329c81c0cd86c5679005094e3118180598daf8528456862f3418aae008ed0006476dfd92f939ca1222310d' +
      '05',
    'lz4 -c -1':
      '04224d186440a77d000000f9026265746120666c696768742064656c61790600b3616c7068612067616d6d610c004164656c740600022a0002' +
      '0c0091746120616972706f724400021400316179205c00083700050c000b3d000f800000022b000a5600038800066a00046400034000023400' +
      '03260001ba0002120003060003380060666c69676874000000004d01c7eb',
    'lz4 -c -BD -BX (linked blocks, block checksums)':
      '04224d187440bd7d000000f9026265746120666c696768742064656c61790600b3616c7068612067616d6d610c004164656c740600022a0002' +
      '0c0091746120616972706f724400021400316179205c00083700050c000b3d000f800000022b000a5600038800066a00046400034000023400' +
      '03260001ba0002120003060003380060666c6967687439c0f01c000000004d01c7eb',
    'gzip -c':
      '1f8b08000000000000034b4a2d495448cbc94ccf28514849cd49ac442113730a321215d213737313a16ca0784922424d094c2431b3a820bfa8' +
      '04453e096436b236381b4d3316fb214a514d85ba032106b303aa1fd3b52824541f443100bd594b29f8000000',
  };

  test.each(Object.entries(vectors))('%s is read', (name, data) => {
    const codec = codecs.find((candidate) => name.startsWith(candidate))!;
    const bytes = Buffer.from(data, 'hex');
    expect(Buffer.from(decompress(codec, bytes, text.length)).toString()).toBe(text);
    expect(code(() => decompress(codec, bytes, text.length - 1))).toBe('DECOMPRESSED_TOO_LARGE');
  });

  test('snappy without framing is read', () => {
    const raw = snappy.compressSync(text);
    expect(Buffer.from(decompress('snappy', raw, text.length)).toString()).toBe(text);
    expect(code(() => decompress('snappy', raw, text.length - 1))).toBe('DECOMPRESSED_TOO_LARGE');
  });

  test('snappy is written as snappy-java frames it, in blocks of 32 KiB', () => {
    const bytes = Buffer.from(compress('snappy', Buffer.alloc(70_000, text)));
    expect(bytes.subarray(0, 16).toString('hex')).toBe('82534e41505059000000000100000001');
    const lengths: number[] = [];
    for (let at = 16; at < bytes.length; at += 4 + bytes.readInt32BE(at)) {
      lengths.push((snappy.uncompressSync(bytes.subarray(at + 4, at + 4 + bytes.readInt32BE(at))) as Buffer).length);
    }
    expect(lengths).toEqual([32_768, 32_768, 70_000 - 65_536]);
  });

  test('lz4 is written in independent blocks, the only kind that the Java client reads', () => {
    const flags = compress('lz4', Buffer.from(text))[4]!;
    expect(flags & 0b1110_0011).toBe(0b0110_0000);
  });

  test('gzip is written for any reader', () => {
    expect(gunzipSync(compress('gzip', Buffer.from(text))).toString()).toBe(text);
  });

  test('skippable frames hold nothing and are passed over', () => {
    const skippable = Buffer.from('502a4d1803000000616263', 'hex');
    for (const codec of ['lz4', 'zstd'] as const) {
      const bytes = Buffer.concat([skippable, compress(codec, Buffer.from(text)), skippable]);
      expect(Buffer.from(decompress(codec, bytes, text.length)).toString()).toBe(text);
    }
  });
});

describe('a lie about sizes', () => {
  test('gzip: a trailer that declares little does not let more through', () => {
    const bytes = Buffer.from(compress('gzip', Buffer.alloc(1 << 20)));
    bytes.writeUInt32LE(0x7fff_ffff, bytes.length - 4);
    expect(code(() => decompress('gzip', bytes, 1000))).toBe('CORRUPT_MESSAGE');
    bytes.writeUInt32LE(10, bytes.length - 4);
    expect(code(() => decompress('gzip', bytes, 1000))).toBe('DECOMPRESSED_TOO_LARGE');
    expect(code(() => decompress('gzip', bytes, 2 << 20))).toBe('CORRUPT_MESSAGE');
  });

  test('gzip: an early member may be the large one', () => {
    const bytes = Buffer.concat([gzipSync(Buffer.alloc(1 << 20)), gzipSync('a')]);
    expect(code(() => decompress('gzip', bytes, 1 << 20))).toBe('DECOMPRESSED_TOO_LARGE');
    expect(decompress('gzip', bytes, (1 << 20) + 1)).toHaveLength((1 << 20) + 1);
  });

  test('snappy: a block that declares gigabytes is refused before it is touched', () => {
    const declared = (varint: string): Buffer => Buffer.from(`${varint}0c616263`, 'hex');
    expect(code(() => decompress('snappy', declared('ffffffff0f'), 1 << 30))).toBe('DECOMPRESSED_TOO_LARGE');
    expect(code(() => decompress('snappy', declared('ffffff7f'), 1 << 30))).toBe('CORRUPT_MESSAGE');
    expect(code(() => decompress('snappy', declared('ffffffffff01'), 1 << 30))).toBe('CORRUPT_MESSAGE');
    expect(code(() => decompress('snappy', declared('04'), 1 << 30))).toBe('CORRUPT_MESSAGE');
  });

  test('zstd: a declared content of 2^63 bytes, or of more than the blocks can hold, is refused', () => {
    const frame = (content: string, block: string): Buffer => Buffer.from(`28b52ffde0${content}${block}`, 'hex');
    expect(code(() => decompress('zstd', frame('ffffffffffffff7f', '010000'), 1000))).toBe('CORRUPT_MESSAGE');
    expect(code(() => decompress('zstd', frame('feffffffffffffff', '010000'), 1000))).toBe('CORRUPT_MESSAGE');
    expect(code(() => decompress('zstd', frame('0100000000000000', '010000'), 1000))).toBe('CORRUPT_MESSAGE');
    expect(code(() => decompress('zstd', frame('0000000000000000', '010000'), 1000))).toBe('returned');
  });

  test('zstd: repeated-byte blocks are counted, not made', () => {
    // 10,000 blocks of 4 bytes that stand for 128 KiB each.
    const block = Buffer.from('02001061', 'hex');
    const last = Buffer.from('03001061', 'hex');
    const frame = Buffer.concat([Buffer.from('28b52ffd0058', 'hex'), ...new Array<Buffer>(9_999).fill(block), last]);
    expect(code(() => decompress('zstd', frame, 1 << 20))).toBe('DECOMPRESSED_TOO_LARGE');
    const one = Buffer.concat([Buffer.from('28b52ffd0058', 'hex'), last]);
    expect(Buffer.from(decompress('zstd', one, 1 << 17)).equals(Buffer.alloc(1 << 17, 'a'))).toBe(true);
  });

  test('zstd: a window of terabytes is refused', () => {
    const frame = Buffer.from(`28b52ffd00f8010000`, 'hex');
    expect(code(() => decompress('zstd', frame, 1000))).toBe('CORRUPT_MESSAGE');
  });
});
