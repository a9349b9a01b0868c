import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VarintReader, varintBytes, varlongBytes, writeVarint, writeVarlong } from '../src/varint.js';

/** The same encoding in the plainest way: with integers of any size. */
function encodePlainly(value: number): number[] {
  const big = BigInt(value);
  let rest = big >= 0n ? big * 2n : -big * 2n - 1n;
  const bytes: number[] = [];
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return [...bytes, Number(rest)];
}

const int32 = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff });
const edges = [0, -1, 1, 63, -64, 64, -65, 2 ** 30 - 1, 2 ** 30, -(2 ** 30), -(2 ** 30) - 1, 2 ** 31, 2 ** 34, 2 ** 52];
const safeInteger = fc.oneof(fc.maxSafeInteger(), int32, fc.constantFrom(...edges, 2 ** 53 - 1, -(2 ** 53) + 1));

function readVarint(bytes: number[]): number {
  return new VarintReader(Uint8Array.from(bytes), 0, bytes.length).readVarint();
}

function readVarlong(bytes: number[]): number {
  return new VarintReader(Uint8Array.from(bytes), 0, bytes.length).readVarlong();
}

describe('varints', () => {
  test('a 32-bit value is written as the plain encoding says, in the announced size, and read back', () => {
    fc.assert(
      fc.property(int32, (value) => {
        const bytes = new Uint8Array(8);
        const end = writeVarint(bytes, 1, value);
        expect([...bytes.subarray(1, end)]).toEqual(encodePlainly(value));
        expect(end - 1).toBe(varintBytes(value));
        const reader = new VarintReader(bytes, 1, end);
        expect(reader.readVarint()).toBe(value);
        expect(reader.position).toBe(end);
      }),
      { numRuns: 2000 },
    );
  });

  test('any safe integer is written as the plain encoding says, in the announced size, and read back', () => {
    fc.assert(
      fc.property(safeInteger, (value) => {
        const bytes = new Uint8Array(12);
        const end = writeVarlong(bytes, 1, value);
        expect([...bytes.subarray(1, end)]).toEqual(encodePlainly(value));
        expect(end - 1).toBe(varlongBytes(value));
        const reader = new VarintReader(bytes, 1, end);
        expect(reader.readVarlong()).toBe(value);
        expect(reader.position).toBe(end);
      }),
      { numRuns: 5000 },
    );
  });

  test('a value that is cut off, at any byte, is corrupt', () => {
    for (const value of [-(2 ** 31), 300, 2 ** 53 - 1]) {
      const whole = encodePlainly(value);
      for (let length = 0; length < whole.length; length++) {
        expect(() => readVarlong(whole.slice(0, length))).toThrow('ends inside a varint');
        if (value < 2 ** 31) expect(() => readVarint(whole.slice(0, length))).toThrow('ends inside a varint');
      }
    }
  });

  test('an encoding longer than its value needs is corrupt', () => {
    for (const bytes of [
      [0x80, 0],
      [0x81, 0],
      [0xff, 0x80, 0],
      [0x81, 0x80, 0x80, 0x80, 0],
    ]) {
      expect(() => readVarint(bytes)).toThrow('longer than its value needs');
      expect(() => readVarlong(bytes)).toThrow('longer than its value needs');
    }
    expect(() => readVarlong([0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0])).toThrow('longer than its value needs');
  });

  test('a varint of more than 32 bits is corrupt', () => {
    expect(() => readVarint([0xff, 0xff, 0xff, 0xff, 0x1f])).toThrow('more than 32 bits');
    expect(() => readVarint([0x80, 0x80, 0x80, 0x80, 0x80, 0x01])).toThrow('more than 32 bits');
  });

  test('a varlong beyond what a number holds exactly is corrupt', () => {
    const max = 2n ** 53n;
    for (const zigzag of [max * 2n, max * 2n - 1n, 2n ** 63n, 2n ** 64n - 1n]) {
      const bytes: number[] = [];
      let rest = zigzag;
      for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
      expect(() => readVarlong([...bytes, Number(rest)])).toThrow('outside');
    }
    expect(() => readVarlong(new Array<number>(2000).fill(0xff))).toThrow('outside');
  });

  test('padding without end is refused at the bound and not read on', () => {
    const bytes = new Array<number>(100_000).fill(0x80);
    expect(() => readVarint(bytes)).toThrow('more than 32 bits');
    expect(() => readVarlong(bytes)).toThrow('outside');
  });
});
