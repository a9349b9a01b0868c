import { SimulatedDisk } from '@millrace/testkit';
import { describe, expect, test } from 'vitest';
import { appendValues, batchOf, decode, directory, TestPartition } from './test-partition.js';

const values = (from: number, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `value ${from + index}`);

describe('a partition log', () => {
  test('gives appended records dense offsets and reads them back', async () => {
    const partition = await TestPartition.open(new SimulatedDisk());
    const { log } = partition;
    expect(log.append(batchOf({ values: values(0, 3) }), { origin: 'client', leaderEpoch: 0 })).toEqual({
      baseOffset: 0,
      lastOffset: 2,
      logAppendTimeMs: -1,
      duplicate: false,
    });
    for (let index = 3; index < 60; index += 3) expect(appendValues(log, values(index, 3))).toBe(index);
    expect(log.endOffset).toBe(60);
    expect(log.segmentCount).toBeGreaterThan(3);
    const records = await partition.readAll();
    expect(records.map((record) => record.value)).toEqual(values(0, 60));
    expect(records.map((record) => record.offset)).toEqual(records.map((_, index) => index));
  });

  test('serves a read from inside a batch with the whole batch', async () => {
    const { log } = await TestPartition.open(new SimulatedDisk());
    for (let index = 0; index < 60; index += 3) appendValues(log, values(index, 3));
    for (let offset = 0; offset < 60; offset++) {
      const records = decode((await log.read(offset, 1, 60)).bytes);
      expect(records.map((record) => record.offset)).toEqual([0, 1, 2].map((delta) => offset - (offset % 3) + delta));
    }
  });

  test('never reads past the end offset that is asked for', async () => {
    const { log } = await TestPartition.open(new SimulatedDisk());
    for (let index = 0; index < 30; index += 3) appendValues(log, values(index, 3));
    expect((await log.read(9, 10_000, 9)).bytes).toHaveLength(0);
    expect((await log.read(9, 10_000, 11)).bytes).toHaveLength(0);
    expect(decode((await log.read(6, 10_000, 12)).bytes).at(-1)?.offset).toBe(11);
  });

  test('moves the synced end with a sync, and tells', async () => {
    const { log } = await TestPartition.open(new SimulatedDisk());
    const moves: number[] = [];
    log.onSynced = () => moves.push(log.syncedEndOffset);
    for (let index = 0; index < 30; index += 3) appendValues(log, values(index, 3));
    expect(log.syncedEndOffset).toBe(0);
    await log.sync();
    expect(log.syncedEndOffset).toBe(30);
    expect(moves).toEqual([30]);
  });

  test('opens after a clean stop without a scan of what was synced', async () => {
    const disk = new SimulatedDisk();
    const first = await TestPartition.open(disk);
    for (let index = 0; index < 60; index += 3) appendValues(first.log, values(index, 3));
    await first.close();
    const second = await TestPartition.open(disk, { clean: true });
    expect(second.log.offlineReason).toBeUndefined();
    expect(second.log.endOffset).toBe(60);
    expect((await second.readAll()).map((record) => record.value)).toEqual(values(0, 60));
    expect(second.logger.lines.filter((line) => line.level !== 'info')).toEqual([]);
  });

  test('keeps what was synced through a power cut, and goes on at the next offset', async () => {
    const first = await TestPartition.open(new SimulatedDisk());
    for (let index = 0; index < 30; index += 3) appendValues(first.log, values(index, 3));
    await first.log.sync();
    for (let index = 30; index < 60; index += 3) appendValues(first.log, values(index, 3));
    const second = await TestPartition.open(first.disk.crash('lost'));
    expect(second.log.offlineReason).toBeUndefined();
    expect(second.log.endOffset).toBe(30);
    expect(appendValues(second.log, ['next'])).toBe(30);
    expect((await second.readAll()).map((record) => record.value)).toEqual([...values(0, 30), 'next']);
  });

  test('names its directory and an offset that it does not have', async () => {
    const { log } = await TestPartition.open(new SimulatedDisk());
    appendValues(log, ['one']);
    await expect(log.read(2, 100, 2)).rejects.toMatchObject({
      code: 'OFFSET_OUT_OF_RANGE',
      message: `Offset 2 is not in the log in ${directory}, which goes from 0 to 1`,
    });
  });
});
