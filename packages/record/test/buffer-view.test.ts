import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { bufferView } from '../src/buffer-view.js';

const memory = Buffer.from('a millrace drives the wheel');

test('a view is a Buffer like any other', () => {
  const view = bufferView(memory.buffer, memory.byteOffset + 2, 8);
  expect(Buffer.isBuffer(view)).toBe(true);
  expect(view.toString()).toBe('millrace');
  expect(view.equals(memory.subarray(2, 10))).toBe(true);
  expect(inspect(view)).toBe(inspect(memory.subarray(2, 10)));
  expect(view.subarray(4).toString('latin1')).toBe('race');
  expect(view.map((byte) => byte)).toEqual(view.subarray(0));
  expect(Buffer.concat([view, view]).length).toBe(16);
});

test('a view shares its memory', () => {
  const own = Buffer.alloc(4);
  bufferView(own.buffer, own.byteOffset, 4).writeUInt32BE(0xcafef00d);
  expect(own.toString('hex')).toBe('cafef00d');
});

test('a view outside the memory is refused', () => {
  const { buffer } = Buffer.alloc(8);
  expect(() => bufferView(buffer, buffer.byteLength - 2, 3)).toThrow(RangeError);
  expect(bufferView(buffer, buffer.byteLength, 0).length).toBe(0);
});
