import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TailCache, TailCacheBudget } from '../../src/log/tail-cache.js';

interface Batch {
  readonly lastOffset: number;
  readonly bytes: Uint8Array;
}

describe('a tail cache', () => {
  test('holds the newest batches, and answers as a list of them does', () => {
    const batch = fc.record({ records: fc.integer({ min: 1, max: 3 }), size: fc.integer({ min: 1, max: 9000 }) });
    const appends = fc.array(fc.array(batch, { minLength: 1, maxLength: 4 }), {
      minLength: 1,
      maxLength: 60,
      size: 'max',
    });
    fc.assert(
      fc.property(
        appends,
        fc.integer({ min: 0, max: 120_000 }),
        fc.array(fc.tuple(fc.nat(), fc.nat(20_000), fc.nat())),
        (list, maxBytes, reads) => {
          const cache = new TailCache(new TailCacheBudget(1_000_000), { maxBytes, endOffset: 0 });
          const all: Batch[] = [];
          let endOffset = 0;
          for (const append of list) {
            const batches = append.map(({ records, size }): Batch => {
              endOffset += records;
              return { lastOffset: endOffset - 1, bytes: new Uint8Array(size).fill(endOffset % 251) };
            });
            let end = 0;
            const ends = batches.map(({ bytes }) => (end += bytes.length));
            cache.append(
              Buffer.concat(batches.map(({ bytes }) => bytes)),
              batches.map(({ lastOffset }) => lastOffset),
              ends,
            );
            all.push(...batches);
          }
          for (const [at, readBytes, limit] of reads) {
            const offset = at % (endOffset + 2);
            const readEnd = limit % (endOffset + 2);
            const found = cache.read(offset, readBytes, readEnd);
            if (found === undefined) continue;
            const first = all.findIndex(({ lastOffset }) => lastOffset >= offset);
            expect(first).toBeGreaterThanOrEqual(0);
            const rest = Buffer.concat(all.slice(first).map(({ bytes }) => bytes));
            expect(Buffer.from(found).equals(rest.subarray(0, found.length))).toBe(true);
            let end = 0;
            for (const { lastOffset, bytes } of all.slice(first)) {
              if (end === found.length) break;
              end += bytes.length;
              expect(lastOffset).toBeLessThan(readEnd);
            }
            expect(end).toBe(found.length);
            if (found.length > readBytes) expect(found.length).toBe(all[first]?.bytes.length);
            if ((all[first]?.lastOffset ?? 0) < readEnd) expect(found.length).toBeGreaterThan(0);
          }
          if (maxBytes >= 100_000) expect(cache.read(endOffset - 1, 1, endOffset)).toBeDefined();
        },
      ),
      { numRuns: 60 },
    );
  });

  test('shares a budget with others, and gives way to what is newer', () => {
    const budget = new TailCacheBudget(64 * 1024);
    const caches = Array.from({ length: 40 }, () => new TailCache(budget, { maxBytes: 1_000_000, endOffset: 0 }));
    for (const cache of caches) cache.append(new Uint8Array(4000), [0], [4000]);
    expect(budget.usedBytes).toBeLessThanOrEqual(64 * 1024);
    expect(caches[0]?.read(0, 100, 1)).toBeUndefined();
    expect(caches.at(-1)?.read(0, 100, 1)).toHaveLength(4000);
  });

  test('never changes what a reader holds', () => {
    const cache = new TailCache(new TailCacheBudget(10_000), { maxBytes: 10_000, endOffset: 0 });
    cache.append(new Uint8Array(100).fill(1), [0], [100]);
    const held = cache.read(0, 100, 1);
    for (let offset = 1; offset < 200; offset++) cache.append(new Uint8Array(100).fill(2), [offset], [100]);
    cache.clear(200);
    expect(held).toEqual(Buffer.alloc(100, 1));
  });
});
