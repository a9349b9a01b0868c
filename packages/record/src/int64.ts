/** 64-bit big-endian integers as JavaScript numbers. What a number cannot hold exactly is refused, never rounded. */
import { assert } from '@millrace/base';
import { corruptMessage } from './corrupt-message.js';

const two32 = 0x1_0000_0000;

/** Whether the 8 bytes are within -(2^53-1) .. 2^53-1. */
export function isSafeInt64(view: DataView, position: number): boolean {
  return Number.isSafeInteger(view.getInt32(position) * two32 + view.getUint32(position + 4));
}

export function readInt64(view: DataView, position: number): number {
  const value = view.getInt32(position) * two32 + view.getUint32(position + 4);
  if (!Number.isSafeInteger(value)) throw corruptMessage(`a 64-bit field at byte ${position} is outside +-(2^53-1)`);
  return value;
}

export function writeInt64(view: DataView, position: number, value: number): void {
  assert(Number.isSafeInteger(value), `a 64-bit field must be a whole number within +-(2^53-1), got ${value}`);
  view.setInt32(position, Math.floor(value / two32));
  view.setUint32(position + 4, value >>> 0);
}
