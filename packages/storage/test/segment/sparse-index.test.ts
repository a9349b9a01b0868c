import fc from 'fast-check';
import { recordingLogger, SimulatedDisk } from '@millrace/testkit';
import { describe, expect, test } from 'vitest';
import { FilePool } from '../../src/file-pool.js';
import { offsetIndexLayout } from '../../src/segment/offset-index.js';
import { SparseIndex, type IndexLayout } from '../../src/segment/sparse-index.js';
import { timeIndexLayout } from '../../src/segment/time-index.js';

const path = '/index';

function open(disk: SimulatedDisk, layout: IndexLayout): SparseIndex {
  const files = disk.files();
  const logger = recordingLogger();
  const index = new SparseIndex({ layout, filePool: new FilePool(files), logger, path, maxBytes: 1_000_000 });
  const size = files.stat(path)?.sizeBytes;
  if (size !== undefined) expect(index.load(size)).toBe(true);
  return index;
}

describe.each([
  ['offset', offsetIndexLayout, 0],
  ['time', timeIndexLayout, 1_700_000_000_000],
] as const)('the %s index', (_name, layout, firstKey) => {
  test('finds the last entry that is not above a key, and the one before it', async () => {
    const gaps = fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 })), {
      maxLength: 1500,
      size: 'max',
    });
    await fc.assert(
      fc.asyncProperty(
        gaps,
        fc.array(fc.double({ min: -0.1, max: 1.1, noNaN: true }), { maxLength: 30 }),
        fc.boolean(),
        async (list, targets, reopen) => {
          const disk = new SimulatedDisk(undefined, { record: false });
          let index = open(disk, layout);
          const entries: { key: number; value: number }[] = [];
          let [key, value] = [firstKey, 0];
          for (const [keyGap, valueGap] of list) {
            key += keyGap;
            value += valueGap;
            index.append(key, value);
            entries.push({ key, value });
          }
          if (reopen) {
            index.flush();
            index.close();
            index = open(disk, layout);
          }
          expect([index.count, index.last]).toEqual([entries.length, entries.at(-1)]);
          expect(index.isInOrder(key, value)).toBe(true);
          for (const share of targets) {
            const target = Math.floor(firstKey + (key - firstKey) * share);
            const at = entries.findLastIndex((entry) => entry.key <= target);
            expect(await index.floor(target)).toEqual({
              entry: entries[at],
              previous: entries[at - 1],
              isDamaged: false,
            });
          }
          const cut = Math.floor((firstKey + key) / 2);
          index.truncateKeys(cut);
          const kept = entries.filter((entry) => entry.key < cut);
          expect([index.count, index.last]).toEqual([kept.length, kept.at(-1)]);
          index.append(key + 1, value + 1);
          expect((await index.floor(key + 1)).entry).toEqual({ key: key + 1, value: value + 1 });
        },
      ),
      { numRuns: 60 },
    );
  });

  test('says so when the order of what it looks at is broken', async () => {
    const disk = new SimulatedDisk();
    const index = open(disk, layout);
    for (let entry = 1; entry <= 20; entry++) index.append(firstKey + entry * 10, entry * 10);
    index.flush();
    const file = disk.files().open(path, 'write');
    file.write(new Uint8Array(layout.entryBytes), 0, layout.entryBytes, 5 * layout.entryBytes);
    expect((await index.floor(firstKey + 65)).isDamaged).toBe(true);
    expect(index.isInOrder(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)).toBe(false);
  });
});

describe('an index file', () => {
  test('that is no whole number of entries is none', () => {
    const disk = new SimulatedDisk();
    const file = disk.files().open(path, 'write');
    file.write(new Uint8Array(13), 0, 13, 0);
    const index = new SparseIndex({
      layout: offsetIndexLayout,
      filePool: new FilePool(disk.files()),
      logger: recordingLogger(),
      path,
      maxBytes: 1000,
    });
    expect(index.load(13)).toBe(false);
    expect(index.count).toBe(0);
  });
});
