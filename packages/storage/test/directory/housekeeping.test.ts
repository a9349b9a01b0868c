import { describe, expect, test } from 'vitest';
import { SimulatedDisk } from '@millrace/testkit';
import { LogDirectory } from '../../src/directory/log-directory.js';
import { defaultLogConfig } from '../../src/log-config.js';
import {
  allCommitted,
  append,
  benchOn,
  create,
  openOn,
  otherTopicId,
  path,
  topicId,
  TurningClock,
  values,
} from './directory-bench.js';

const smallSegments = { segmentBytes: 300, retentionMs: 1000, retentionBytes: 700 };

/** The offset that a checkpoint file has for `orders-0`. */
function checkpointed(disk: SimulatedDisk, name: string): number | undefined {
  const files = disk.files();
  if (files.stat(`${path}/${name}`) === undefined) return undefined;
  const file = files.open(`${path}/${name}`, 'read');
  const bytes = Buffer.alloc(file.sizeBytes());
  file.readSync(bytes, 0, bytes.length, 0);
  file.close();
  const line = bytes
    .toString()
    .split('\n')
    .find((one) => one.startsWith('orders 0 '));
  return line === undefined ? undefined : Number(line.split(' ')[2]);
}

describe('housekeeping', () => {
  test('lets go what retention lets go, and nothing while the high watermark is not known', async () => {
    const disk = new SimulatedDisk();
    const directory = await openOn(disk);
    const log = await create(directory, 'orders', 0, smallSegments);
    for (let index = 0; index < 40; index++) append(log, `value ${index}`);
    await log.sync();
    await directory.housekeeping(() => undefined);
    expect(log.startOffset).toBe(0);
    await directory.housekeeping(() => 10);
    expect(log.startOffset).toBeGreaterThan(0);
    expect(log.startOffset).toBeLessThanOrEqual(10);
    await directory.housekeeping(allCommitted);
    expect(log.sizeBytes).toBeLessThan(1100);
    expect(log.startOffset).toBeGreaterThan(10);
    const kept = Array.from({ length: 40 - log.startOffset }, (_, index) => `value ${log.startOffset + index}`);
    expect(await values(log)).toEqual(kept);
  });

  test('compacts, and what is left is found by key after a restart that knows nothing of the topic', async () => {
    const disk = new SimulatedDisk();
    const directory = await openOn(disk);
    const log = await create(directory, 'orders', 0, {
      ...smallSegments,
      cleanup: 'compact',
      minCleanableDirtyRatio: 0.01,
    });
    for (let index = 0; index < 40; index++) append(log, `value ${index}`, `key ${index % 3}`);
    await log.sync();
    const bytesBefore = log.sizeBytes;
    await directory.housekeeping(allCommitted);
    expect(log.sizeBytes).toBeLessThan(bytesBefore / 3);
    const crashed = disk.crash('lost');
    await directory.close();
    for (const stopped of [disk, crashed]) {
      const reopened = await openOn(stopped);
      const found = reopened.log('orders', 0);
      expect(found?.offlineReason).toBeUndefined();
      const left = found && (await values(found));
      expect(left?.length).toBeLessThan(10);
      expect(left).toEqual(expect.arrayContaining(['value 37', 'value 38', 'value 39']));
      await reopened.close();
    }
  });

  test('writes checkpoints that never lie past the data', async () => {
    const disk = new SimulatedDisk();
    const directory = await openOn(disk);
    const log = await create(directory, 'orders', 0, smallSegments);
    for (let index = 0; index < 10; index++) append(log, `value ${index}`);
    await log.sync();
    append(log, 'not synced yet');
    await directory.housekeeping(() => 1000);
    const recoveryPoint = checkpointed(disk, 'recovery-point-offset-checkpoint');
    expect(recoveryPoint).toBe(log.recoveryPoint);
    expect(recoveryPoint).toBeLessThanOrEqual(log.syncedEndOffset);
    expect(checkpointed(disk, 'replication-offset-checkpoint')).toBeLessThanOrEqual(log.syncedEndOffset);
    expect(checkpointed(disk, 'log-start-offset-checkpoint')).toBe(log.startOffset);
    const reopened = await openOn(disk.crash('lost'));
    const found = reopened.log('orders', 0);
    expect(reopened.highWatermark('orders', 0)).toBeLessThanOrEqual(found?.endOffset ?? -1);
  });

  test('a step ends when its time is up, and the next goes on from there', async () => {
    /** Each look at the clock takes a millisecond. */
    class SlowClock extends TurningClock {
      override monotonicMs(): number {
        this.advance(1);
        return super.monotonicMs();
      }
    }
    const bench = benchOn(new SimulatedDisk(), new SlowClock());
    const directory = await LogDirectory.open(bench, { path, nodeId: 1, housekeepingMs: 40 });
    const seen = new Set<number>();
    for (let partition = 0; partition < 50; partition++) append(await create(directory, 'many', partition), 'value');
    let steps = 0;
    for (; seen.size < 50; steps++) {
      expect(steps).toBeLessThan(50);
      await directory.housekeeping(allCommitted);
      for (const { partition, log } of directory.logs()) if (log.recoveryPoint === 1) seen.add(partition);
      if (steps === 0) expect(seen.size).toBeLessThan(50);
    }
    expect(steps).toBeGreaterThan(1);
  });

  test('a log that fails does not hold the others up', async () => {
    const disk = new SimulatedDisk();
    const bench = benchOn(disk);
    const directory = await LogDirectory.open(bench, { path, nodeId: 1 });
    const bad = await create(directory, 'bad');
    const good = await create(directory, 'good');
    append(bad, 'value');
    append(good, 'value');
    disk.failNext({ operation: 'sync', path: /bad-0.*\.log$/, code: 'EIO' });
    await directory.housekeeping(allCommitted);
    expect([bad.isOffline, good.isOffline]).toEqual([true, false]);
    expect(good.recoveryPoint).toBe(1);
    expect(bench.logger.lines.some(({ message }) => message === 'housekeeping of a partition failed')).toBe(true);
    await directory.housekeeping(allCommitted);
    expect(checkpointed(disk, 'recovery-point-offset-checkpoint')).toBeUndefined();
  });

  test('a log that is deleted meanwhile is no error, whether its turn had come or not', async () => {
    const disk = new SimulatedDisk();
    const bench = benchOn(disk);
    const directory = await LogDirectory.open(bench, { path, nodeId: 1 });
    for (const topic of ['a', 'b', 'c']) append(await create(directory, topic), 'value');
    const deletions: Promise<void>[] = [];
    await directory.housekeeping((hosted) => {
      if (deletions.length === 0) {
        for (const topic of ['a', 'c']) deletions.push(directory.deleteLog({ topic, partition: 0, topicId }));
      }
      return allCommitted(hosted);
    });
    expect(deletions).toHaveLength(2);
    await Promise.all(deletions);
    expect(directory.logs().map(({ topic, log }) => [topic, log.recoveryPoint])).toEqual([['b', 1]]);
    expect(bench.logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
    await directory.close();
  });

  test('a log created anew during a step does not inherit where the one before it was', async () => {
    const disk = new SimulatedDisk();
    const directory = await openOn(disk);
    const old = await create(directory, 'orders');
    for (let index = 0; index < 10; index++) append(old, `value ${index}`);
    await old.sync();
    await old.advanceStartOffset(5);
    for (let partition = 0; partition < 50; partition++) append(await create(directory, 'others', partition), 'value');
    let isCreated = false;
    const orders = { topic: 'orders', partition: 0 };
    const anew = async (): Promise<void> => {
      await directory.deleteLog({ ...orders, topicId });
      append(await directory.createLog({ ...orders, topicId: otherTopicId, config: defaultLogConfig }), 'first');
      isCreated = true;
    };
    let change: Promise<void> | undefined;
    let wasCreatedDuring = false;
    await directory.housekeeping((hosted) => {
      change ??= anew();
      wasCreatedDuring ||= isCreated && hosted.topic === 'others' && hosted.log.recoveryPoint === 0;
      return allCommitted(hosted);
    });
    await change;
    expect(wasCreatedDuring).toBe(true);
    for (const name of ['recovery-point', 'log-start', 'replication'])
      expect(checkpointed(disk, `${name}-offset-checkpoint`) ?? 0, name).toBe(0);
    await directory.close();
  });
});
