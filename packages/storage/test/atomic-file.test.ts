import { describe, expect, test } from 'vitest';
import { SimulatedDisk, seededRandom } from '@millrace/testkit';
import { readSmallFile, writeFileAtomically } from '../src/atomic-file.js';

const oldBytes = Buffer.alloc(9000, 1);
const newBytes = Buffer.alloc(7000, 2);

async function diskWithOldFile(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  disk.files().makeDirectory('/d');
  await disk.files().syncDirectory('/');
  await writeFileAtomically(disk.files(), '/d/f', oldBytes);
  return disk;
}

describe('a file that is replaced as a whole', () => {
  test('is the old one or the new one after a power cut at any point', async () => {
    const disk = await diskWithOldFile();
    const before = disk.operations.length;
    await writeFileAtomically(disk.files(), '/d/f', newBytes);
    let seenOld = 0;
    let seenNew = 0;
    for (const unsynced of ['kept', 'lost', 'torn', 'random'] as const) {
      for (let seed = 0; seed < 10; seed++) {
        const points = SimulatedDisk.crashPoints(disk.operations, { unsynced, random: seededRandom(seed) });
        for (const { count, disk: after } of points) {
          if (count < before) continue;
          const bytes = readSmallFile(after.files(), '/d/f', 100_000);
          const isNew = bytes?.equals(newBytes) === true;
          expect(isNew || bytes?.equals(oldBytes) === true).toBe(true);
          if (count === disk.operations.length) expect(isNew).toBe(true);
          if (isNew) seenNew++;
          else seenOld++;
        }
      }
    }
    expect(Math.min(seenOld, seenNew)).toBeGreaterThan(0);
  });

  test('stays the old one when the disk is full, and leaves nothing behind', async () => {
    const disk = await diskWithOldFile();
    disk.capacityBytes = oldBytes.length + 100;
    await expect(writeFileAtomically(disk.files(), '/d/f', newBytes)).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(readSmallFile(disk.files(), '/d/f', 100_000)?.equals(oldBytes)).toBe(true);
    expect(disk.files().list('/d')).toEqual(['f']);
  });

  test('is not replaced by one whose sync failed', async () => {
    const disk = await diskWithOldFile();
    disk.failNext({ operation: 'sync', code: 'EIO' });
    await expect(writeFileAtomically(disk.files(), '/d/f', newBytes)).rejects.toMatchObject({ code: 'EIO' });
    expect(readSmallFile(disk.files(), '/d/f', 100_000)?.equals(oldBytes)).toBe(true);
  });

  test('is written whole in spite of short writes', async () => {
    const disk = await diskWithOldFile();
    disk.shortWrites = 0.9;
    await writeFileAtomically(disk.files(), '/d/f', newBytes);
    expect(readSmallFile(disk.files(), '/d/f', 100_000)?.equals(newBytes)).toBe(true);
  });

  test('is read up to a bound, and is undefined when it is not there', async () => {
    const disk = await diskWithOldFile();
    expect(readSmallFile(disk.files(), '/d/f', 10)?.length).toBe(10);
    expect(readSmallFile(disk.files(), '/d/none', 10)).toBeUndefined();
  });
});
