/**
 * 64-bit big-endian integers as JavaScript numbers, exact to 2^53-1. What lies beyond comes out as some number that is
 * no safe integer: who acts on a value asks for that first.
 */
import { assert } from '@millrace/base';

const two32 = 0x1_0000_0000;

export function readInt64(view: DataView, position: number): number {
  return view.getInt32(position) * two32 + view.getUint32(position + 4);
}

export function writeInt64(view: DataView, position: number, value: number): void {
  assert(Number.isSafeInteger(value), `a 64-bit field must be a whole number within +-(2^53-1), got ${value}`);
  view.setInt32(position, Math.floor(value / two32));
  view.setUint32(position + 4, value >>> 0);
}
