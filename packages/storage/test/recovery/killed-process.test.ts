import { SimulatedDisk } from '@millrace/testkit';
import { expect, test } from 'vitest';
import { appendValues, TestPartition } from '../log/test-partition.js';

test('what a killed process left in the page cache is made durable before it counts as synced', async () => {
  for (let count = 1; count < 30; count++) {
    const disk = new SimulatedDisk();
    const first = await TestPartition.open(disk);
    // After the first one the leader epochs are saved, and the directory is synced with them.
    for (let index = 0; index < count; index++) {
      appendValues(first.log, [`value ${index}`]);
      for (let turn = 0; turn < 100; turn++) await Promise.resolve();
    }
    // The machine goes on, and the power goes later.
    disk.endProcess();
    const second = await TestPartition.open(disk);
    expect(second.log.offlineReason).toBeUndefined();
    expect([second.log.syncedEndOffset, second.log.endOffset]).toEqual([count, count]);
    const third = await TestPartition.open(disk.crash('lost'));
    expect(third.log.offlineReason).toBeUndefined();
    expect(await third.readAll()).toEqual(await second.readAll());
    expect(third.log.endOffset).toBe(count);
  }
});
