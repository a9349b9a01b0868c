/** Disks that are full, that fail, and that lie about having synced. */
import { MillraceError } from '@millrace/base';
import fc from 'fast-check';
import { seededRandom, SimulatedDisk } from '@millrace/testkit';
import { describe, expect, test } from 'vitest';
import { report, runsOf } from '../test-runs.js';
import { contentOf } from '../recovery/log-checks.js';
import { appendValues, batchOf, directory, TestPartition } from './test-partition.js';

const firstSegment = `${directory}/00000000000000000000.log`;
const valuesOf = async (partition: TestPartition): Promise<string[]> =>
  (await partition.readAll()).map((record) => record.value);

describe('a full disk', () => {
  test('refuses an append with a retriable error, keeps nothing of it, and takes it when there is room', async () => {
    const disk = new SimulatedDisk();
    const { log } = await TestPartition.open(disk);
    appendValues(log, ['one', 'two']);
    await log.sync();
    const { capacityBytes } = disk;
    const before = contentOf(disk.files(), firstSegment);
    for (let room = 0; room < 75; room += 5) {
      disk.capacityBytes = disk.tree.usedBytes + room;
      expect(() => appendValues(log, ['three'])).toThrow(
        expect.objectContaining({ code: 'LOG_DISK_FULL', retriable: true }),
      );
      expect(contentOf(disk.files(), firstSegment)).toEqual(before);
    }
    expect([log.endOffset, log.isOffline]).toEqual([2, false]);
    disk.capacityBytes = capacityBytes;
    expect(appendValues(log, ['three'])).toBe(2);
    await log.sync();
    const again = await TestPartition.open(disk.crash('lost'));
    expect(await valuesOf(again)).toEqual(['one', 'two', 'three']);
  });

  test('does not stop the log when only an index cannot be written', async () => {
    const disk = new SimulatedDisk();
    const partition = await TestPartition.open(disk);
    const { log } = partition;
    disk.failNext({ operation: 'write', path: /index$/, code: 'ENOSPC', times: 1000 });
    const values = Array.from({ length: 30 }, (_, index) => `value ${index}`);
    for (const value of values) appendValues(log, [value]);
    await log.sync();
    await log.advanceRecoveryPoint();
    // What the indexes do not have on the disk is not promised to be there.
    expect(log.recoveryPoint).toBe(0);
    expect(await valuesOf(partition)).toEqual(values);
    disk.clearFaults();
    await log.advanceRecoveryPoint();
    expect(log.recoveryPoint).toBe(30);
  });

  test.each(['ENOSPC', 'EMFILE'])('stops the log when the sync of an index fails with it: %s', async (code) => {
    const disk = new SimulatedDisk();
    const { log } = await TestPartition.open(disk);
    for (let index = 0; index < 30; index++) appendValues(log, [`value ${index}`]);
    await log.sync();
    disk.failNext({ operation: 'sync', path: /index$/, code, times: 1 });
    await expect(log.advanceRecoveryPoint()).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR', retriable: false });
    // The next sync would find nothing to write, and call what is not on the disk durable.
    await expect(log.advanceRecoveryPoint()).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
    expect(log.recoveryPoint).toBe(0);
    expect(await valuesOf(await TestPartition.open(disk.crash('lost')))).toHaveLength(30);
  });

  test('is no clean stop when an index could not be written', async () => {
    const disk = new SimulatedDisk();
    const { log } = await TestPartition.open(disk);
    for (let index = 0; index < 30; index++) appendValues(log, [`value ${index}`]);
    disk.failNext({ operation: 'write', path: /index$/, code: 'ENOSPC', times: 1000 });
    await expect(log.close()).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
    disk.clearFaults();
    disk.endProcess();
    expect(await valuesOf(await TestPartition.open(disk))).toHaveLength(30);
  });

  test('is told before it happens when the directory keeps room', async () => {
    const full = new MillraceError('LOG_DISK_FULL', 'low', { retriable: true });
    const { log } = await TestPartition.open(new SimulatedDisk(), {
      admit: () => {
        throw full;
      },
    });
    expect(() => appendValues(log, ['one'])).toThrow(full);
    expect(log.endOffset).toBe(0);
  });
});

describe('a disk that writes short', () => {
  test('is written to until all is there', async () => {
    const disk = new SimulatedDisk();
    disk.shortWrites = 0.7;
    const partition = await TestPartition.open(disk);
    const values = Array.from({ length: 60 }, (_, index) => `value ${index}`);
    for (const value of values) appendValues(partition.log, [value]);
    await partition.log.sync();
    const again = await TestPartition.open(disk.crash('lost'));
    expect(await valuesOf(again)).toEqual(values);
  });
});

describe('a disk that fails', () => {
  test('on a write: the log goes offline, and holds what was synced when it is opened again', async () => {
    const disk = new SimulatedDisk();
    const { log } = await TestPartition.open(disk);
    appendValues(log, ['one']);
    await log.sync();
    const reasons: MillraceError[] = [];
    log.onOffline = (reason) => reasons.push(reason);
    disk.failNext({ operation: 'write', code: 'EIO' });
    expect(() => appendValues(log, ['two'])).toThrow(expect.objectContaining({ code: 'KAFKA_STORAGE_ERROR' }));
    expect(() => appendValues(log, ['three'])).toThrow(expect.objectContaining({ code: 'KAFKA_STORAGE_ERROR' }));
    await expect(log.sync()).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
    await expect(log.read(0, 100, 1)).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
    expect([reasons.length, log.isOffline]).toEqual([1, true]);
    await log.close();
    const again = await TestPartition.open(disk.crash('lost'));
    expect(await valuesOf(again)).toEqual(['one']);
  });

  test('to cut off what a full disk took of an append: the log goes offline', async () => {
    const disk = new SimulatedDisk();
    const { log } = await TestPartition.open(disk);
    appendValues(log, ['one']);
    await log.sync();
    disk.capacityBytes = disk.tree.usedBytes + 20;
    disk.failNext({ operation: 'truncate', code: 'EIO' });
    expect(() => appendValues(log, ['two'])).toThrow(expect.objectContaining({ code: 'KAFKA_STORAGE_ERROR' }));
    expect(log.isOffline).toBe(true);
    disk.capacityBytes = 2 ** 40;
    const again = await TestPartition.open(disk.crash('kept'));
    expect(await valuesOf(again)).toEqual(['one']);
    expect(appendValues(again.log, ['two'])).toBe(1);
  });

  test('to sync once and then says it did: nobody is told that it was synced, and it is not asked again', async () => {
    const disk = new SimulatedDisk();
    const { log } = await TestPartition.open(disk);
    appendValues(log, ['one']);
    await log.sync();
    appendValues(log, ['two']);
    disk.failNext({ operation: 'sync', code: 'EIO' });
    let moves = 0;
    log.onSynced = () => moves++;
    const first = log.sync();
    appendValues(log, ['three']);
    const waiters = [first, log.sync(), log.sync()];
    for (const waiter of waiters) await expect(waiter).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
    const { length } = disk.operations;
    await expect(log.sync()).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
    await log.close();
    expect([disk.operations.length, moves, log.syncedEndOffset]).toEqual([length, 0, 1]);
    for (let seed = 0; seed < 20; seed++) {
      const again = await TestPartition.open(disk.crash('random', seededRandom(seed).stream('crash')));
      expect(again.log.offlineReason).toBeUndefined();
      const values = await valuesOf(again);
      expect(['one', 'two', 'three'].slice(0, values.length)).toEqual(values);
      expect(values.length).toBeGreaterThanOrEqual(1);
    }
  });

  test('to sync the directory of a new segment: nothing in it counts as synced', async () => {
    const disk = new SimulatedDisk();
    const { log } = await TestPartition.open(disk);
    while (log.segmentCount === 1) appendValues(log, ['some bytes to fill a segment with']);
    disk.failNext({ operation: 'syncDirectory', code: 'EIO' });
    await expect(log.sync()).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
    expect([log.syncedEndOffset, log.isOffline]).toEqual([0, true]);
  });

  test('on a read: the log goes offline', async () => {
    const disk = new SimulatedDisk();
    const { log } = await TestPartition.open(disk);
    appendValues(log, ['one']);
    disk.failNext({ operation: 'read', code: 'EIO' });
    await expect(log.read(0, 100, 1)).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
    expect(log.isOffline).toBe(true);
  });
});

describe('a process without a file handle left', () => {
  test('is told so, and goes on when there is one again', async () => {
    const disk = new SimulatedDisk();
    const partition = await TestPartition.open(disk);
    const { log } = partition;
    while (log.segmentCount < 8) appendValues(log, ['some bytes to fill a segment with']);
    const { endOffset } = log;
    disk.failNext({ operation: 'open', code: 'EMFILE', times: 1 });
    await expect(log.read(0, 100, endOffset)).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR', retriable: true });
    expect(log.isOffline).toBe(false);
    expect((await partition.readAll()).length).toBe(endOffset);
  });
});

describe('damage', () => {
  test('in the middle of what was synced is reported with file and place, and nothing is cut off', async () => {
    const disk = new SimulatedDisk();
    const { log } = await TestPartition.open(disk);
    for (let index = 0; index < 5; index++) appendValues(log, [`value ${index}`]);
    await log.sync();
    disk.endProcess();
    const size = contentOf(disk.files(), firstSegment).length;
    disk.flipBit(firstSegment, Math.floor(size / 2) * 8);
    const before = contentOf(disk.files(), firstSegment);
    const again = await TestPartition.open(disk);
    expect(again.log.offlineReason).toMatchObject({ code: 'CORRUPT_LOG' });
    expect(again.log.offlineReason?.message).toContain(`${firstSegment} is damaged at byte `);
    expect(contentOf(disk.files(), firstSegment)).toEqual(before);
    expect(() => appendValues(again.log, ['more'])).toThrow(expect.objectContaining({ code: 'KAFKA_STORAGE_ERROR' }));
  });

  test('above what was synced is a torn tail, even with good batches after it', async () => {
    const disk = new SimulatedDisk();
    const { log } = await TestPartition.open(disk);
    appendValues(log, ['one']);
    await log.sync();
    const position = contentOf(disk.files(), firstSegment).length;
    for (const value of ['two', 'three', 'four']) appendValues(log, [value]);
    disk.endProcess();
    disk.flipBit(firstSegment, (position + 70) * 8);
    const again = await TestPartition.open(disk);
    expect(await valuesOf(again)).toEqual(['one']);
  });

  test('that is met by a reader takes the log offline', async () => {
    const disk = new SimulatedDisk();
    const partition = await TestPartition.open(disk);
    const { log } = partition;
    for (let index = 0; index < 5; index++) appendValues(log, [`value ${index}`]);
    disk.flipBit(firstSegment, 200 * 8);
    await expect(partition.readAll()).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
      cause: expect.objectContaining({ code: 'CORRUPT_LOG' }) as unknown,
    });
    expect(log.isOffline).toBe(true);
  });
});

type Step = { readonly do: 'append'; readonly count: number } | { readonly do: 'sync' | 'checkpoint' };

describe('whatever fails', () => {
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('append' as const), count: fc.integer({ min: 1, max: 4 }) }) },
    { weight: 2, arbitrary: fc.constant({ do: 'sync' } as const) },
    { weight: 1, arbitrary: fc.constant({ do: 'checkpoint' } as const) },
  );
  const fault = fc.record({
    operation: fc.constantFrom('write' as const, 'sync', 'syncDirectory', 'truncate', 'open', 'rename'),
    code: fc.constantFrom('EIO', 'ENOSPC', 'EMFILE'),
    after: fc.integer({ min: 0, max: 30 }),
    times: fc.integer({ min: 1, max: 3 }),
  });

  test('what was acknowledged is there after a power cut, and nothing that was refused', async () => {
    const runs = runsOf(200);
    let failures = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 40, size: 'max' }),
        fc.array(fault, { maxLength: 3 }),
        fc.nat(),
        async (steps, faults, seed) => {
          const disk = new SimulatedDisk(seededRandom(seed).stream('disk'), { record: false });
          const partition = await TestPartition.open(disk);
          const { log } = partition;
          for (const each of faults) disk.failNext(each);
          const appended: string[] = [];
          let acknowledged = 0;
          for (const [index, each] of steps.entries()) {
            try {
              if (each.do === 'append') {
                const values = Array.from({ length: each.count }, (_, part) => `value ${index}.${part}`);
                const { baseOffset } = log.append(batchOf({ values }), { origin: 'client', leaderEpoch: 0 });
                expect(baseOffset).toBe(appended.length);
                appended.push(...values);
              } else if (each.do === 'sync') {
                await log.sync();
                acknowledged = appended.length;
              } else await partition.checkpoint();
            } catch (error) {
              failures++;
              if (each.do !== 'checkpoint') expect(error).toBeInstanceOf(MillraceError);
              expect((error as MillraceError).code).not.toBe('ASSERTION_FAILED');
            }
            expect(log.endOffset).toBe(appended.length);
            expect(log.syncedEndOffset).toBeLessThanOrEqual(appended.length);
            acknowledged = Math.max(acknowledged, log.syncedEndOffset);
          }
          const again = await TestPartition.open(disk.crash('random'));
          expect(again.log.offlineReason).toBeUndefined();
          const values = await valuesOf(again);
          expect(values).toEqual(appended.slice(0, values.length));
          expect(values.length).toBeGreaterThanOrEqual(acknowledged);
        },
      ),
      { numRuns: runs },
    );
    report(`faults: ${runs} runs, ${failures} calls that failed`);
    expect(failures).toBeGreaterThan(runs / 10);
  });
});
