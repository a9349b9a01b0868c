import { describe, expect, test } from 'vitest';
import { SimulatedDisk } from '@millrace/testkit';
import { LogDirectory } from '../../src/directory/log-directory.js';
import {
  allCommitted,
  append,
  benchOn,
  create,
  openOn,
  otherTopicId,
  path,
  topicId,
  values,
} from './directory-bench.js';
import { defaultLogConfig } from '../../src/log-config.js';

function textOf(disk: SimulatedDisk, name: string): string {
  const file = disk.files().open(`${path}/${name}`, 'read');
  const bytes = Buffer.alloc(file.sizeBytes());
  file.readSync(bytes, 0, bytes.length, 0);
  file.close();
  return bytes.toString();
}

function write(disk: SimulatedDisk, name: string, text: string): void {
  const file = disk.files().open(`${path}/${name}`, 'write');
  file.truncate(0);
  file.write(Buffer.from(text), 0, text.length, 0);
  file.close();
}

describe('whose a data directory is', () => {
  test('is written when it is first used, and stays', async () => {
    const disk = new SimulatedDisk();
    const first = await openOn(disk);
    const { clusterId, directoryId } = first;
    expect([clusterId, directoryId].every((id) => /^[\w][\w-]{21}$/.test(id))).toBe(true);
    expect(clusterId).not.toBe(directoryId);
    expect(textOf(disk, 'meta.properties')).toBe(
      `#\nversion=1\ncluster.id=${clusterId}\nnode.id=1\ndirectory.id=${directoryId}\n`,
    );
    await first.close();
    const second = await openOn(disk, { clusterId });
    expect([second.clusterId, second.directoryId, second.nodeId]).toEqual([clusterId, directoryId, 1]);
  });

  test('is checked: one of another cluster, of another node, or in use is refused, and says what to do', async () => {
    const disk = new SimulatedDisk();
    const ours = await openOn(disk, { clusterId: 'ours' });
    await expect(openOn(disk)).rejects.toMatchObject({ code: 'DATA_DIRECTORY_LOCKED' });
    await ours.close();
    await expect(openOn(disk, { clusterId: 'theirs' })).rejects.toMatchObject({
      code: 'INCONSISTENT_CLUSTER_ID',
      message: expect.stringMatching(/cluster ours.*cluster theirs.*empty one/) as string,
    });
    await expect(openOn(disk, { nodeId: 2 })).rejects.toMatchObject({
      code: 'INCONSISTENT_NODE_ID',
      message: expect.stringMatching(/node 1.*node 2/) as string,
    });
    await (await openOn(disk, { clusterId: 'ours' })).close();
  });

  test('a node that waits for its cluster learns its id once', async () => {
    const disk = new SimulatedDisk();
    const first = await openOn(disk, { awaitsCluster: true });
    const { directoryId } = first;
    expect(first.clusterId).toBe('');
    await first.close();
    const second = await openOn(disk, { awaitsCluster: true });
    expect([second.clusterId, second.directoryId]).toEqual(['', directoryId]);
    await second.joinCluster('ours');
    await second.joinCluster('ours');
    await expect(second.joinCluster('theirs')).rejects.toMatchObject({ code: 'INCONSISTENT_CLUSTER_ID' });
    await second.close();
    const third = await openOn(disk, { awaitsCluster: true });
    expect([third.clusterId, third.directoryId]).toEqual(['ours', directoryId]);
    await third.close();
    await expect(openOn(disk, { clusterId: 'theirs' })).rejects.toMatchObject({ code: 'INCONSISTENT_CLUSTER_ID' });
  });

  test('must be readable: a damaged or a lost meta.properties is not guessed', async () => {
    const disk = new SimulatedDisk();
    const directory = await openOn(disk);
    await create(directory, 'orders');
    await directory.close();
    for (const text of ['version=1\nnode.id=1\n', 'garbage', 'version=2\ncluster.id=a\nnode.id=1\ndirectory.id=b\n']) {
      write(disk, 'meta.properties', text);
      await expect(openOn(disk)).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
    }
    disk.files().removeFile(`${path}/meta.properties`);
    await expect(openOn(disk)).rejects.toThrow(/holds partitions \(orders-0\) but no meta.properties/);
  });

  test('a directory that cannot be read or written is a typed error', async () => {
    for (const operation of ['makeDirectory', 'list', 'open'] as const) {
      const disk = new SimulatedDisk();
      disk.failNext({ operation, code: 'EACCES', ...(operation === 'open' ? { path: /meta/ } : {}) });
      await expect(openOn(disk)).rejects.toMatchObject({
        code: 'KAFKA_STORAGE_ERROR',
        message: expect.stringContaining('cannot use data directory /data/node-1') as string,
      });
    }
  });
});

describe('the clean-stop mark', () => {
  test('is there only between a clean stop and the next start', async () => {
    const disk = new SimulatedDisk();
    const first = await openOn(disk);
    expect(first.cleanStop).toBeUndefined();
    append(await create(first, 'orders'), 'one');
    await first.close({ brokerEpoch: 12 });
    expect(textOf(disk, '.millrace_cleanshutdown')).toBe('{"version":0,"brokerEpoch":12}');
    const second = await openOn(disk);
    expect(second.cleanStop).toEqual({ brokerEpoch: 12 });
    expect(disk.crash('lost').files().stat(`${path}/.millrace_cleanshutdown`)).toBeUndefined();
    disk.endProcess();
    const third = await openOn(disk);
    expect(third.cleanStop).toBeUndefined();
    const log = third.log('orders', 0);
    expect(log && (await values(log))).toEqual(['one']);
  });

  test('is not written when a log could not be synced', async () => {
    const disk = new SimulatedDisk();
    const directory = await openOn(disk);
    append(await create(directory, 'orders'), 'one');
    await create(directory, 'other');
    disk.failNext({ operation: 'sync', path: /orders-0.*\.log$/, code: 'EIO' });
    await directory.close();
    expect(disk.files().stat(`${path}/.millrace_cleanshutdown`)).toBeUndefined();
    expect((await openOn(disk)).cleanStop).toBeUndefined();
  });
});

describe('logs of a data directory', () => {
  test('come back with their topic ids and records', async () => {
    const disk = new SimulatedDisk();
    const directory = await openOn(disk);
    for (let partition = 0; partition < 3; partition++) {
      append(await create(directory, 'with-dashes-7', partition), `value ${partition}`);
    }
    expect(textOf(disk, 'with-dashes-7-1/partition.metadata')).toBe(`version: 0\ntopic_id: ${topicId}`);
    await directory.close();
    const reopened = await openOn(disk);
    const found = reopened.logs().map(({ topic, partition, topicId: id }) => [topic, partition, id]);
    expect(found.sort()).toEqual([0, 1, 2].map((partition) => ['with-dashes-7', partition, topicId]));
    const log = reopened.log('with-dashes-7', 1);
    expect(log && (await values(log))).toEqual(['value 1']);
    expect(reopened.log('with-dashes-7', 3)).toBeUndefined();
  });

  test('are created once, and not for another topic of the same name', async () => {
    const directory = await openOn(new SimulatedDisk());
    const [one, other] = await Promise.all([create(directory, 'orders'), create(directory, 'orders')]);
    expect(one).toBe(other);
    const config = defaultLogConfig;
    const request = { topic: 'orders', partition: 0, topicId: otherTopicId, config };
    await expect(directory.createLog(request)).rejects.toMatchObject({ code: 'INCONSISTENT_TOPIC_ID' });
    await expect(directory.deleteLog(request)).rejects.toMatchObject({ code: 'INCONSISTENT_TOPIC_ID' });
    expect(directory.log('orders', 0)).toBe(one);
  });

  test('that were not wholly created are gone after the next start, and can be created anew', async () => {
    const disk = new SimulatedDisk();
    const directory = await openOn(disk);
    disk.failNext({ operation: 'write', path: /partition\.metadata\.tmp$/, code: 'ENOSPC' });
    await expect(create(directory, 'orders', 0)).rejects.toMatchObject({ code: 'ENOSPC' });
    disk.endProcess();
    const again = await openOn(disk);
    expect(disk.paths().filter((name) => name.includes('orders'))).toEqual([]);
    expect(disk.files().list(path)).not.toContain('orders-0');
    append(await create(again, 'orders', 0), 'anew');
    await again.close();
  });

  test('go when they are deleted, and a new one of that name starts with nothing of the old', async () => {
    const disk = new SimulatedDisk();
    const directory = await openOn(disk);
    const old = await create(directory, 'orders');
    for (let index = 0; index < 5; index++) append(old, `old ${index}`);
    await old.sync();
    await old.advanceStartOffset(3);
    await directory.housekeeping(allCommitted);
    await directory.deleteLog({ topic: 'orders', partition: 0, topicId });
    expect(directory.log('orders', 0)).toBeUndefined();
    const fresh = await directory.createLog({
      topic: 'orders',
      partition: 0,
      topicId: otherTopicId,
      config: defaultLogConfig,
    });
    expect([fresh.startOffset, fresh.endOffset]).toEqual([0, 0]);
    append(fresh, 'new');
    await directory.removalsDone();
    expect(
      disk
        .files()
        .list(path)
        .filter((name) => name.startsWith('orders')),
    ).toEqual(['orders-0']);
    await fresh.sync();
    const reopened = await openOn(disk.crash('lost'));
    const log = reopened.log('orders', 0);
    expect(log && (await values(log))).toEqual(['new']);
    expect(reopened.highWatermark('orders', 0)).toBeLessThanOrEqual(1);
  });

  test('that nobody asks for are listed and kept, and so are directories that are no partitions', async () => {
    const disk = new SimulatedDisk();
    const directory = await openOn(disk);
    append(await create(directory, 'orphan'), 'precious');
    append(await create(directory, 'known'), 'value');
    disk.files().makeDirectory(`${path}/lost+found`);
    await directory.close();
    const reopened = await openOn(disk);
    const orphans = reopened.orphans(({ topic }) => topic === 'known');
    expect(orphans.map(({ topic }) => topic)).toEqual(['orphan']);
    await reopened.housekeeping(() => undefined);
    await reopened.close();
    expect(disk.files().list(path)).toEqual(expect.arrayContaining(['lost+found', 'orphan-0', 'known-0']));
  });

  test('one that is damaged goes offline, the others serve', async () => {
    const disk = new SimulatedDisk();
    const directory = await openOn(disk);
    for (const topic of ['damaged', 'nameless', 'fine']) append(await create(directory, topic), topic);
    await directory.close();
    disk.files().removeFile(`${path}/nameless-0/partition.metadata`);
    disk.failNext({ operation: 'list', path: `${path}/damaged-0`, code: 'EIO' });
    const reopened = await openOn(disk);
    const fine = reopened.log('fine', 0);
    expect(fine && (await values(fine))).toEqual(['fine']);
    expect(reopened.log('damaged', 0)?.isOffline).toBe(true);
    expect(reopened.offlinePartitions().map(({ topic }) => topic)).toEqual(['nameless']);
    expect(() => reopened.log('nameless', 0)).toThrow(/no readable partition.metadata/);
    await expect(create(reopened, 'nameless')).rejects.toThrow(/no readable partition.metadata/);
    await reopened.close();
    expect(disk.files().stat(`${path}/nameless-0/00000000000000000000.log`)?.sizeBytes).toBeGreaterThan(0);
  });

  test('three hundred of them work on sixteen open files', async () => {
    const disk = new SimulatedDisk(undefined, { record: false });
    const directory = await openOn(disk, { maxOpenFiles: 16 });
    const logs = await Promise.all(Array.from({ length: 300 }, (_, partition) => create(directory, 'many', partition)));
    for (let round = 0; round < 3; round++) {
      for (const [partition, log] of logs.entries()) append(log, `${partition} ${round}`);
      expect(directory.openFileCount).toBeLessThanOrEqual(16);
      await Promise.all(logs.map((log) => log.sync()));
      expect(directory.openFileCount).toBeLessThanOrEqual(16);
    }
    await directory.close();
    const reopened = await openOn(disk, { maxOpenFiles: 16 });
    expect(reopened.openFileCount).toBeLessThanOrEqual(16);
    for (let partition = 0; partition < 300; partition += 13) {
      const log = reopened.log('many', partition);
      expect(log && (await values(log))).toEqual([0, 1, 2].map((round) => `${partition} ${round}`));
    }
    expect(reopened.openFileCount).toBeLessThanOrEqual(16);
    await reopened.close();
  });
});

describe('a disk that fills up', () => {
  test('refuses appends before it is full, and takes them again by itself', async () => {
    const disk = new SimulatedDisk();
    const bench = benchOn(disk);
    disk.capacityBytes = 1_000_000;
    const directory = await LogDirectory.open(bench, { path, nodeId: 1, lowSpaceBytes: 400_000 });
    const log = await create(directory, 'orders');
    const internal = await create(directory, '__internal');
    const big = 'x'.repeat(10_000);
    let appended = 0;
    const appendAll = (): void => {
      for (; appended < 1000; appended++) append(log, big);
    };
    expect(appendAll).toThrow(expect.objectContaining({ code: 'LOG_DISK_FULL', retriable: true }));
    expect(disk.files().freeBytes(path)).toBeGreaterThan(300_000);
    append(internal, 'what must still be written');
    await log.sync();
    expect(log.syncedEndOffset).toBe(appended);
    await directory.deleteLog({ topic: 'orders', partition: 0, topicId });
    await directory.removalsDone();
    bench.clock.advance(200);
    append(await create(directory, 'orders', 1), big);
  });
});
