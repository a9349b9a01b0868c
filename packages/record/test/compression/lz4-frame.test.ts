import { createRequire } from 'node:module';
import type * as Lz4 from 'lz4-napi';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { lz4BlockContentBytes, lz4Frames } from '../../src/compression/lz4-frame.js';

const require = createRequire(import.meta.url);
const { compressFrameSync } = require('lz4-napi') as typeof Lz4;

const unit = fc.uint8Array({ minLength: 1, maxLength: 300 });
const compressible = fc
  .array(fc.tuple(unit, fc.integer({ min: 1, max: 3000 })), { minLength: 1, maxLength: 4 })
  .map((parts) => Buffer.concat(parts.map(([bytes, times]) => Buffer.alloc(bytes.length * times, bytes))));

test('the walk over the sequences of a block finds its content length to the byte', () => {
  fc.assert(
    fc.property(compressible, (bytes) => {
      const frame = compressFrameSync(bytes);
      const frames = lz4Frames(frame, 1);
      expect(frames).toEqual([{ start: 0, end: frame.length, boundBytes: bytes.length }]);
    }),
    { numRuns: 300 },
  );
});

test('the quick bound is never below the content', () => {
  fc.assert(
    fc.property(compressible, (bytes) => {
      const [frame] = lz4Frames(compressFrameSync(bytes), Number.MAX_SAFE_INTEGER);
      expect(frame!.boundBytes).toBeGreaterThanOrEqual(bytes.length);
    }),
    { numRuns: 100 },
  );
});

test('a block by hand: literals, a match, long lengths of both', () => {
  const block = Buffer.from('1f61010002' + 'f0' + 'ff00' + '62'.repeat(270), 'hex');
  // 1 literal and a match of 15 + 2 + 4, then 15 + 255 + 0 literals
  expect(lz4BlockContentBytes(block, 0, block.length)).toBe(1 + 21 + 270);
});

test('frames that are not LZ4 as we know it are corrupt', () => {
  for (const [frame, message] of [
    ['04224d19604082' + '00000000', 'does not start with a frame'],
    ['04224d18204082' + '00000000', 'version'],
    ['04224d18614082' + '0000000000000000', 'dictionary'],
    ['04224d18624082' + '00000000', 'reserved'],
    ['04224d18603082' + '00000000', 'block size'],
    ['04224d18604082' + '01000100', 'larger than its frame allows'],
    ['04224d18604082' + '05000000' + '5061', 'cut off'],
  ] as const) {
    expect(() => lz4Frames(Buffer.from(frame, 'hex'), 1000), frame).toThrow(message);
  }
});
