import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type AppendMemory, TailCache, TailCacheBudget } from '../../src/log/tail-cache.js';

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
            const found = cache.read(offset, readBytes, readEnd)?.bytes;
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
    expect(caches.at(-1)?.read(0, 100, 1)?.bytes).toHaveLength(4000);
  });

  test('leaves nothing behind in a log that is not used any more when others need the room', async () => {
    const budget = new TailCacheBudget(200_000);
    const idle = new TailCache(budget, { maxBytes: 1_000_000, endOffset: 0 });
    const held = ((): WeakRef<LentMemory> => {
      const memory = new LentMemory(50_000);
      idle.append(memory.bytes, [0], [50_000], memory);
      return new WeakRef(memory);
    })();
    const busy = new TailCache(budget, { maxBytes: 1_000_000, endOffset: 0 });
    for (let offset = 0; offset < 100; offset++) busy.append(new Uint8Array(4000), [offset], [4000]);
    await collectGarbage();
    expect(held.deref()).toBeUndefined();
    expect(idle.read(0, 100, 1)).toBeUndefined();
    idle.append(new Uint8Array(10), [1], [10]);
    expect(idle.read(1, 100, 2)?.bytes).toHaveLength(10);
  });

  test('keeps nothing of an append that is larger than all caches together may be', () => {
    const cache = new TailCache(new TailCacheBudget(10_000), { maxBytes: 1_000_000, endOffset: 0 });
    cache.append(new Uint8Array(100), [0], [100]);
    cache.append(new Uint8Array(20_000), [1], [20_000]);
    expect(cache.read(0, 100, 2)).toBeUndefined();
    expect(cache.read(1, 100, 2)).toBeUndefined();
    cache.append(new Uint8Array(100), [2], [100]);
    expect(cache.read(2, 100, 3)?.bytes).toHaveLength(100);
  });

  test('never changes what a reader holds', () => {
    const cache = new TailCache(new TailCacheBudget(10_000), { maxBytes: 10_000, endOffset: 0 });
    cache.append(new Uint8Array(100).fill(1), [0], [100]);
    const held = cache.read(0, 100, 1)?.bytes;
    for (let offset = 1; offset < 200; offset++) cache.append(new Uint8Array(100).fill(2), [offset], [100]);
    cache.clear(200);
    expect(held).toEqual(Buffer.alloc(100, 1));
  });

  test('keeps large appends where they lie, until neither it nor a reader needs them', () => {
    const cache = new TailCache(new TailCacheBudget(1_000_000), { maxBytes: 250_000, endOffset: 0 });
    const lent = new Map<number, LentMemory>();
    const append = (offset: number): void => {
      const memory = new LentMemory(100_000);
      const bytes = memory.bytes.subarray(500, 90_500).fill(offset + 1);
      lent.set(offset, memory);
      cache.append(bytes, [offset], [bytes.length], memory);
    };
    const retained = (): number[] => [...lent].filter(([, { holders }]) => holders > 0).map(([offset]) => offset);

    append(0);
    append(1);
    const first = cache.read(0, 1e6, 2);
    const second = cache.read(1, 1e6, 2);
    expect(first?.bytes.buffer).toBe(lent.get(0)!.bytes.buffer);
    append(2);
    append(3);
    expect(retained()).toEqual([0, 1, 2, 3]);
    expect(cache.read(0, 1e6, 4)).toBeUndefined();
    expect(first?.bytes.every((byte) => byte === 1)).toBe(true);
    first?.release?.();
    first?.release?.();
    expect(retained()).toEqual([1, 2, 3]);
    cache.clear(4);
    expect(retained()).toEqual([1]);
    second?.release?.();
    expect(retained()).toEqual([]);
  });

  test('copies what is small, or lies in memory of which most is something else', () => {
    const cache = new TailCache(new TailCacheBudget(1_000_000), { maxBytes: 1_000_000, endOffset: 0 });
    const memory = new LentMemory(100_000);
    cache.append(memory.bytes.subarray(0, 1000), [0], [1000], memory);
    cache.append(memory.bytes.subarray(0, 50_000), [1], [50_000], memory);
    expect(memory.holders).toBe(0);
    expect(cache.read(0, 100, 1)?.bytes.buffer).not.toBe(memory.bytes.buffer);
  });

  test('gives each reader what was appended, however memory is lent, copied, dropped and used again', () => {
    const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 30_000, max: 90_000 })), {
      minLength: 20,
      maxLength: 120,
      size: 'max',
    });
    fc.assert(
      fc.property(sizes, fc.array(fc.nat(), { minLength: 120, maxLength: 120 }), (list, dice) => {
        // Memory that nobody holds is written to at once: a reader that still sees it would notice.
        const pool: LentMemory[] = [];
        const cache = new TailCache(new TailCacheBudget(2_000_000), { maxBytes: 600_000, endOffset: 0 });
        const held: { offset: number; bytes: Uint8Array; release: () => void }[] = [];
        const fillOf = (offset: number): number => 1 + (offset % 250);
        list.forEach((size, offset) => {
          const memory = pool.find(({ holders }) => holders === 0) ?? new LentMemory(90_000);
          if (!pool.includes(memory)) pool.push(memory);
          const bytes = memory.bytes.subarray(0, size).fill(fillOf(offset));
          cache.append(bytes, [offset], [size], memory);
          if (memory.holders === 0) memory.bytes.fill(0xff);
          const from = Math.max(0, offset - (dice[offset]! % 12));
          const read = cache.read(from, 1, offset + 1);
          if (read !== undefined) held.push({ offset: from, bytes: read.bytes, release: () => read.release?.() });
          if (dice[offset]! % 3 === 0) held.splice(dice[offset]! % held.length || 0, 1)[0]?.release();
          for (const { offset: at, bytes: seen } of held) {
            expect(seen).toHaveLength(list[at]!);
            const places = [seen[0], seen[seen.length >> 1], seen.at(-1)];
            expect(places).toEqual(Array(3).fill(fillOf(at)));
          }
          if (held.length > 8) held.shift()?.release();
        });
        for (const { release } of held) release();
        cache.clear(list.length);
        expect(pool.every(({ holders }) => holders === 0)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });
});

class LentMemory implements AppendMemory {
  readonly bytes: Buffer;
  holders = 0;

  constructor(sizeBytes: number) {
    this.bytes = Buffer.alloc(sizeBytes);
  }

  get sizeBytes(): number {
    return this.bytes.length;
  }

  retain(): void {
    this.holders += 1;
  }

  release(): void {
    this.holders -= 1;
    if (this.holders < 0) throw new Error('released too often');
  }
}

/** Whoever was looked at through a WeakRef in this turn lives on until the next one. */
async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  await new Promise(setImmediate);
  collect();
}
