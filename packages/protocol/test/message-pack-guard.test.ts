import { errorCode, errorMessage } from '@millrace/base';
import fc from 'fast-check';
import { pack, Packr, unpack } from 'msgpackr';
import { expect, test } from 'vitest';
import { guardMessagePack } from '../src/index.js';
import { thrown } from './thrown.js';

const limits = { maxItems: 10_000 };

function guard(bytes: Uint8Array): void {
  guardMessagePack(bytes, limits);
}

const keys = fc.string({ maxLength: 12 }).filter((key) => key !== '__proto__');
const { tree } = fc.letrec((tie) => ({
  leaf: fc.oneof(
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.double(),
    fc.string({ unit: 'grapheme', maxLength: 300 }),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    fc.uint8Array({ maxLength: 300 }),
  ),
  tree: fc.oneof(
    { maxDepth: 6, depthSize: 'small' },
    tie('leaf'),
    fc.array(tie('tree'), { maxLength: 20 }),
    fc.dictionary(keys, tie('tree'), { maxKeys: 20, noNullPrototype: true }),
  ),
}));

test('everything that messages are made of passes, in both map encodings', () => {
  const packers = [new Packr({ useRecords: false }), new Packr({ useRecords: false, variableMapSize: true })];
  fc.assert(
    fc.property(tree, (value) => {
      for (const packer of packers) guard(packer.pack(value));
    }),
  );
});

test('what passes the guard decodes, and to plain values only', () => {
  const isPlain = (value: unknown): boolean => {
    if (Array.isArray(value)) return value.every(isPlain);
    if (value instanceof Uint8Array || value === null || typeof value !== 'object') return value !== undefined;
    return Object.getPrototypeOf(value) === Object.prototype && Object.values(value).every(isPlain);
  };
  let passed = 0;
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      try {
        guard(bytes);
      } catch {
        return;
      }
      passed += 1;
      expect(isPlain(unpack(bytes))).toBe(true);
    }),
    { numRuns: 20_000 },
  );
  expect(passed).toBeGreaterThan(50);
});

test.each([
  ['nothing at all', '', 'ends too early'],
  ['a truncated map', '82a161', 'bytes that are left'],
  ['bytes after the end', '8000', 'after its end'],
  ['an array of 2^31-1 items', 'dd7fffffff00', 'bytes that are left'],
  ['a map of 2^32-1 entries', 'dfffffffff', 'more than 64 keys'],
  ['a text of 2^32-1 bytes', 'dbffffffff61', 'text longer'],
  ['a binary of 2^32-1 bytes', 'c6ffffffff61', 'ends too early'],
  ['the unused byte 0xc1', 'c1', '0xc1'],
  ['a record definition (extension 0x72)', 'd4724091a161', '0xd4'],
  ['an error extension', 'c70065', '0xc7'],
  ['a timestamp extension', 'd6ff00000000', '0xd6'],
  ['a truncated length', 'dc00', 'ends too early'],
  ['a truncated integer', 'cd00', 'ends too early'],
  ['a number as key', '810101', 'not text'],
  ['a map as key', '818001', 'not text'],
  ['a key named __proto__', '81a95f5f70726f746f5f5f80', '__proto__'],
  ['text that is not UTF-8', '81a161a2c328', 'not UTF-8'],
  ['overlong UTF-8', 'a2c080', 'not UTF-8'],
  ['a surrogate in UTF-8', 'a3eda080', 'not UTF-8'],
])('%s is refused', (_, hex, reason) => {
  const error = thrown(() => guard(Buffer.from(hex, 'hex')));
  expect(errorCode(error)).toBe('INVALID_REQUEST');
  expect(errorMessage(error)).toContain(reason);
});

test('nesting is bounded: 16 levels pass, 17 and a million do not', () => {
  guard(Buffer.concat([Buffer.alloc(16, 0x91), Buffer.of(0)]));
  for (const depth of [17, 1_000_000]) {
    const error = thrown(() => guard(Buffer.concat([Buffer.alloc(depth, 0x91), Buffer.of(0)])));
    expect(errorMessage(error)).toContain('deeper than 16');
  }
});

test('items that need no bytes of their own still count: many arrays within one message', () => {
  const bytes = Buffer.concat([Buffer.from('dc4000', 'hex'), Buffer.alloc(0x4000, 0x90)]);
  expect(errorMessage(thrown(() => guard(bytes)))).toContain('more than 10000 items');
  guardMessagePack(bytes, { maxItems: 0x4001 });
});

test('many or long keys are refused, also keys that collide as integers', () => {
  const colliding = Object.fromEntries(Array.from({ length: 65 }, (_, index) => [String(index * 2 ** 17), 0]));
  const pack16 = new Packr({ useRecords: false });
  expect(errorMessage(thrown(() => guard(pack16.pack(colliding))))).toContain('more than 64 keys');
  expect(errorMessage(thrown(() => guard(pack16.pack({ ['k'.repeat(65)]: 1 }))))).toContain('longer than 64 bytes');
});

test('the guard keeps no state from a message it refused', () => {
  for (const bad of ['9291', '82a161', '9191c1']) {
    thrown(() => guard(Buffer.from(bad, 'hex')));
    guard(pack([1, [2, 3], 'x']));
  }
});
