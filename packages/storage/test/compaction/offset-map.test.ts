import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OffsetMap } from '../../src/compaction/offset-map.js';

describe('the offset map', () => {
  test('is a map from keys to their newest offsets', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 3 }), { maxLength: 200 }), (keys) => {
        const map = new OffsetMap(24 * 400);
        const model = new Map<string, number>();
        keys.forEach((key, offset) => {
          map.set(key, offset);
          model.set(String(key), offset);
        });
        expect(map.size).toBe(model.size);
        for (const key of keys) expect(map.get(key)).toBe(model.get(String(key)));
        expect(map.get(Buffer.from('not a key here'))).toBe(-1);
      }),
    );
  });

  test('fills up to its capacity and no further; an empty one grows', () => {
    const map = new OffsetMap(24 * 8);
    const key = (number: number): Buffer => Buffer.from(`key ${number}`);
    expect(map.capacity).toBe(6);
    map.growEmpty(10);
    expect(map.capacity).toBeGreaterThanOrEqual(10);
    const capacity = map.capacity;
    for (let number = 0; number < capacity; number++) map.set(key(number), number);
    for (let number = 0; number < capacity; number++) expect(map.get(key(number))).toBe(number);
    map.set(key(0), 100);
    expect(() => {
      map.set(key(capacity), 101);
    }).toThrow(/has room/);
    expect(() => {
      map.set(key(0), 99);
    }).toThrow(/ascend/);
  });
});
