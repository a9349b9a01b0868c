import { describe, expect, test } from 'vitest';
import { decodeCheckpoint, encodeCheckpoint, parseNatural } from '../src/checkpoint-text.js';

const parse = (line: string): number | undefined => parseNatural(line);

describe('a checkpoint in text', () => {
  test('has the layout that Kafka writes', () => {
    expect(Buffer.from(encodeCheckpoint(['orders 0 12', 'orders 1 7'])).toString()).toBe(
      '0\n2\norders 0 12\norders 1 7\n',
    );
    expect(Buffer.from(encodeCheckpoint([])).toString()).toBe('0\n0\n');
  });

  test('that is cut anywhere is no checkpoint', () => {
    const bytes = encodeCheckpoint(['12', '7', '345']);
    expect(decodeCheckpoint(bytes, parse)).toEqual([12, 7, 345]);
    for (let length = 0; length < bytes.length; length++) {
      expect(decodeCheckpoint(bytes.subarray(0, length), parse)).toBeUndefined();
    }
  });

  test('of another version, count or line is no checkpoint', () => {
    for (const text of ['1\n1\n5\n', '0\n2\n5\n', '0\n1\nfive\n', '0\n1\n5\n6\n', '', 'garbage']) {
      expect(decodeCheckpoint(Buffer.from(text), parse)).toBeUndefined();
    }
  });

  test('numbers are written one way only', () => {
    expect(['0', '42', '9007199254740991'].map(parseNatural)).toEqual([0, 42, 9007199254740991]);
    for (const text of ['', '-1', '01', '1.5', ' 1', '9007199254740992', '1e3'])
      expect(parseNatural(text)).toBeUndefined();
  });
});
