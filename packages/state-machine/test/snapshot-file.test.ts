import { decodeSnapshot, encodeSnapshot } from '@millrace/state-machine';
import fc from 'fast-check';
import { expect, test } from 'vitest';

test('property: what is encoded is decoded', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.array(fc.uint8Array({ maxLength: 50 })), (position, chunks) => {
      const decoded = decodeSnapshot(encodeSnapshot(position, chunks));
      expect(decoded.position).toBe(position);
      expect(decoded.chunks.map((chunk) => [...chunk])).toEqual(chunks.map((chunk) => [...chunk]));
    }),
  );
});

test('every flipped bit and every cut is found', () => {
  const bytes = encodeSnapshot(77, [Buffer.from('first'), Buffer.alloc(0), Buffer.from('third')]);
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const damaged = Uint8Array.from(bytes);
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(() => decodeSnapshot(damaged), `bit ${bit}`).toThrow(expect.objectContaining({ code: 'CORRUPT_SNAPSHOT' }));
  }
  for (let length = 0; length < bytes.length; length += 1) {
    expect(() => decodeSnapshot(bytes.subarray(0, length)), `${length} bytes`).toThrow(
      expect.objectContaining({ code: 'CORRUPT_SNAPSHOT' }),
    );
  }
});
