import { seededRandom, SimulatedDisk } from '@millrace/testkit';
import { expect, test } from 'vitest';
import { appendValues, TestPartition } from '../log/test-partition.js';

const valuesOf = async (partition: TestPartition): Promise<string[]> =>
  (await partition.readAll()).map((record) => record.value);

test('what is served after a failed sync and a restart is on the disk, not just in the page cache', async () => {
  for (let seed = 0; seed < 40; seed++) {
    const disk = new SimulatedDisk(seededRandom(seed).stream('disk'));
    const { log } = await TestPartition.open(disk);
    appendValues(log, ['one']);
    await log.sync();
    appendValues(log, ['two']);
    disk.failNext({ operation: 'sync', code: 'EIO' });
    await expect(log.sync()).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
    disk.endProcess();
    const next = await TestPartition.open(disk);
    const served = await valuesOf(next);
    await next.log.sync();
    const last = await TestPartition.open(disk.crash('lost'));
    expect(await valuesOf(last)).toEqual(served);
  }
});
