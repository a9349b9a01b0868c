import { expect, test } from 'vitest';
import { NodeRandom } from '../../src/node/index.js';

const stream = new NodeRandom().stream();

test('whole numbers reach both ends of a small range and nothing else', () => {
  const seen = new Set(Array.from({ length: 200 }, () => stream.integer(-1, 2)));
  expect([...seen].sort((a, b) => a - b)).toEqual([-1, 0, 1]);
});

test('whole numbers of the widest range stay in it', () => {
  for (let round = 0; round < 100; round += 1) {
    const number = stream.integer(0, Number.MAX_SAFE_INTEGER);
    expect(Number.isSafeInteger(number) && number >= 0).toBe(true);
  }
});

test('fractions are spread over 0 to 1', () => {
  const fractions = Array.from({ length: 1000 }, () => stream.fraction());
  expect(fractions.every((fraction) => fraction >= 0 && fraction < 1)).toBe(true);
  const mean = fractions.reduce((sum, fraction) => sum + fraction, 0) / fractions.length;
  expect(mean).toBeGreaterThan(0.4);
  expect(mean).toBeLessThan(0.6);
});

test('bytes come in the number asked for, never the same', () => {
  expect(stream.bytes(16).length).toBe(16);
  expect(Buffer.from(stream.bytes(16)).equals(stream.bytes(16))).toBe(false);
});
