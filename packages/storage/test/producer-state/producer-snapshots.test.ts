import { describe, expect, test } from 'vitest';
import { SimulatedDisk, recordingLogger } from '@millrace/testkit';
import { ProducerEntry } from '../../src/producer-state/producer-entry.js';
import type { ProducerSnapshot } from '../../src/producer-state/producer-snapshot.js';
import { ProducerSnapshots } from '../../src/producer-state/producer-snapshots.js';

function snapshotAt(offset: number, leaderEpoch: number): ProducerSnapshot {
  return {
    offset,
    leaderEpoch,
    entries: [new ProducerEntry(offset, 0, 0)],
    transactions: { open: [], ended: [], aborted: [] },
  };
}

function newSnapshots(): { disk: SimulatedDisk; snapshots: ProducerSnapshots } {
  const disk = new SimulatedDisk();
  disk.files().makeDirectory('/p');
  return {
    disk,
    snapshots: new ProducerSnapshots({ files: disk.files(), logger: recordingLogger(), directory: '/p' }),
  };
}

const epochs = (offset: number): number => (offset < 100 ? 1 : 2);

describe('producer snapshots on disk', () => {
  test('the newest that fits is found, those above the end of the log are removed', async () => {
    const { snapshots } = newSnapshots();
    for (const [offset, epoch] of [
      [50, 1],
      [150, 2],
      [250, 2],
    ] as const)
      await snapshots.take(snapshotAt(offset, epoch));
    expect(snapshots.nearest({ endOffset: 200, epochAt: epochs })?.offset).toBe(150);
    expect(snapshots.offsets()).toEqual([50, 150]);
  });

  test('one of a history that was truncated and written again is removed', async () => {
    const { snapshots } = newSnapshots();
    await snapshots.take(snapshotAt(50, 1));
    await snapshots.take(snapshotAt(150, 1));
    expect(snapshots.nearest({ endOffset: 200, epochAt: epochs })?.offset).toBe(50);
    expect(snapshots.offsets()).toEqual([50]);
  });

  test('a damaged one, or one that is not of its name, is passed over', async () => {
    const { disk, snapshots } = newSnapshots();
    for (const offset of [50, 60, 70]) await snapshots.take(snapshotAt(offset, 1));
    disk.flipBit('/p/00000000000000000070.snapshot', 100);
    disk.files().rename('/p/00000000000000000050.snapshot', '/p/00000000000000000065.snapshot');
    expect(snapshots.nearest({ endOffset: 200, epochAt: () => 1 })?.offset).toBe(60);
    expect(snapshots.offsets()).toEqual([60]);
  });

  test('three are kept', async () => {
    const { snapshots } = newSnapshots();
    for (const offset of [1, 2, 3, 4, 5]) await snapshots.take(snapshotAt(offset, 1));
    expect(snapshots.offsets()).toEqual([3, 4, 5]);
    snapshots.removeAll();
    expect(snapshots.nearest({ endOffset: 9, epochAt: () => 1 })).toBeUndefined();
  });

  test('one whose record before it is gone by retention still fits', async () => {
    const { snapshots } = newSnapshots();
    await snapshots.take(snapshotAt(50, 1));
    expect(snapshots.nearest({ endOffset: 50, epochAt: () => -1 })?.offset).toBe(50);
  });
});
