import type { RandomStream } from '@millrace/base';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hashBytes, hashEnd, hashStart, seededRandom } from '../../src/index.js';

const draw = (stream: RandomStream): number[] => Array.from({ length: 20 }, () => stream.integer(0, 2 ** 40));

test('seed and name decide the numbers, and draws of one stream leave the others alone', () => {
  fc.assert(
    fc.property(fc.integer(), fc.string(), fc.string(), (seed, name, other) => {
      fc.pre(name !== other);
      const random = seededRandom(seed);
      const alone = draw(seededRandom(seed).stream(name));
      draw(random.stream(other));
      expect(draw(random.stream(name))).toEqual(alone);
      expect(draw(seededRandom(seed).stream(other))).not.toEqual(alone);
      expect(draw(seededRandom(seed + 1).stream(name))).not.toEqual(alone);
    }),
  );
});

test('one name is one stream, which goes on', () => {
  const random = seededRandom('x');
  expect([random.stream('a').integer(0, 1e9), random.stream('a').integer(0, 1e9)]).toEqual(
    (() => {
      const stream = seededRandom('x').stream('a');
      return [stream.integer(0, 1e9), stream.integer(0, 1e9)];
    })(),
  );
});

test('numbers keep to their range and reach its ends', () => {
  const stream = seededRandom(1).stream('range');
  const seen = new Set(Array.from({ length: 200 }, () => stream.integer(-1, 2)));
  expect([...seen].sort((a, b) => a - b)).toEqual([-1, 0, 1]);
  const fractions = Array.from({ length: 1000 }, () => stream.fraction());
  expect(Math.min(...fractions)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...fractions)).toBeLessThan(1);
  expect(Math.max(...fractions)).toBeGreaterThan(0.95);
  expect(new Set(stream.bytes(2000)).size).toBeGreaterThan(250);
  expect(() => stream.integer(1, 1)).toThrow(/empty range/);
});

test('a hash of bytes depends on every bit and on the length', () => {
  const hash = (bytes: Uint8Array): number => hashEnd(hashBytes(hashStart, bytes));
  const bytes = seededRandom(1).stream('bytes').bytes(37);
  const seen = new Set([hash(bytes)]);
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const other = bytes.slice();
    other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    seen.add(hash(other));
  }
  expect(seen.size).toBe(bytes.length * 8 + 1);
  expect(hash(new Uint8Array(4))).not.toBe(hash(new Uint8Array(5)));
});
