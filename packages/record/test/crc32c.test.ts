import fc from 'fast-check';
import { expect, test } from 'vitest';
import { crc32c, tableCrc32c } from '../src/crc32c.js';

/** The definition, bit by bit. */
function bitwiseCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

test('the check value of CRC-32C comes out', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa); // RFC 3720, B.4
});

test('every length around the change from table to native code gives what the definition gives', () => {
  const bytes = Uint8Array.from({ length: 1200 }, (_, index) => (index * 167) ^ (index >> 3));
  for (let length = 0; length < 1000; length += length < 20 || Math.abs(length - 384) < 20 ? 1 : 61) {
    const expected = bitwiseCrc32c(bytes.subarray(7, 7 + length));
    expect(crc32c(bytes, 7, 7 + length)).toBe(expected);
    expect(tableCrc32c(bytes, 7, 7 + length, 0)).toBe(expected);
  }
});

test('a checksum made in any pieces is that of the whole', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), fc.nat(), (bytes, cut) => {
      const middle = bytes.length === 0 ? 0 : cut % bytes.length;
      expect(crc32c(bytes, middle, bytes.length, crc32c(bytes, 0, middle))).toBe(crc32c(bytes));
    }),
  );
});
