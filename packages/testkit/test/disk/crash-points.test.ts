import type { File } from '@millrace/base';
import { describe, expect, test } from 'vitest';
import { seededRandom, SimulatedDisk, type Fate } from '../../src/index.js';

/** A small workload with each kind of operation, in the way careful programs replace a file. */
async function workload(disk: SimulatedDisk): Promise<void> {
  const files = disk.files();
  files.makeDirectory('/data');
  await files.syncDirectory('/');
  const log = files.open('/data/log', 'create');
  for (let round = 0; round < 5; round += 1) {
    append(log, 5000, round + 1);
    await log.sync();
    const next = files.open('/data/next', 'create');
    append(next, 100, round + 1);
    await next.sync();
    next.close();
    files.rename('/data/next', '/data/mark');
    await files.syncDirectory('/data');
    append(log, 300, 200);
    log.truncate(log.sizeBytes() - 300);
  }
  files.makeDirectory('/data/old');
  files.rename('/data/mark', '/data/old/mark');
  files.removeDirectory('/data/old');
  disk.failNext({ operation: 'sync', code: 'EIO' });
  append(log, 700, 99);
  await log.sync().catch(() => undefined);
  log.close();
  files.removeFile('/data/log');
}

describe('crash points', () => {
  test('all operations with kept data give the disk as the workload left it', async () => {
    const disk = new SimulatedDisk();
    await workload(disk);
    const { operations } = disk;
    expect(tree(SimulatedDisk.fromPrefix(operations, operations.length, { unsynced: 'kept' }))).toEqual(
      tree(disk.crash('kept')),
    );
    expect(new Set(operations.map(({ kind }) => kind)).size).toBe(10);
  });

  test('at every prefix, lost data means the synced state at that time', async () => {
    // The same workload again, looked at while it runs, after each of its changes and completed syncs.
    const disk = new SimulatedDisk();
    const lost: string[][] = [tree(disk.crash('lost'))];
    const host = {
      later: (_call: string, end: () => void) => void Promise.resolve().then(end),
      assertAlive: () => undefined,
      changed: () => undefined,
    };
    const files = disk.files(host);
    const watch = (): void => {
      while (lost.length <= disk.operations.length) lost.push(tree(disk.crash('lost')));
    };
    files.makeDirectory('/data');
    watch();
    const file = files.open('/data/a', 'create');
    watch();
    file.write(Uint8Array.of(1, 2), 0, 2, 0);
    watch();
    await file.sync();
    watch();
    await files.syncDirectory('/data');
    watch();
    await files.syncDirectory('/');
    watch();
    files.rename('/data/a', '/data/b');
    watch();
    const replayed = [...SimulatedDisk.crashPoints(disk.operations, { unsynced: 'lost' })].map(({ disk: after }) =>
      tree(after),
    );
    expect(replayed).toEqual(lost);
    expect(lost.at(-1)).toEqual(['/data/', '/data/a 1,2']);
  });

  test.each<Fate>(['kept', 'lost', 'torn', 'random'])(
    'going step by step and rebuilding agree, %s',
    async (unsynced) => {
      const disk = new SimulatedDisk();
      await workload(disk);
      for (const { count, disk: after } of SimulatedDisk.crashPoints(disk.operations, {
        unsynced,
        random: seededRandom(1),
      })) {
        const rebuilt = SimulatedDisk.fromPrefix(disk.operations, count, { unsynced, random: seededRandom(1) });
        expect(tree(rebuilt)).toEqual(tree(after));
      }
    },
  );

  test('a second workload is replayed over the disk that it began on', async () => {
    const first = new SimulatedDisk();
    const files = first.files();
    files.makeDirectory('/data');
    for (const name of ['c', 'a', 'b']) append(files.open(`/data/${name}`, 'create'), 10, 1);
    const second = first.crash('kept');
    const base = second.crash('kept');
    const again = second.files();
    append(again.open('/data/b', 'write'), 20, 2);
    await again.syncDirectory('/data');
    again.rename('/data/a', '/data/d');
    const { operations } = second;
    const replayed = SimulatedDisk.fromPrefix(operations, operations.length, { unsynced: 'kept', base });
    expect(tree(replayed)).toEqual(tree(second.crash('kept')));
    expect(() => SimulatedDisk.fromPrefix(operations, operations.length, { unsynced: 'kept' })).toThrow(
      /pass that disk as base/,
    );
  });
});

function append(file: File, length: number, fill: number): void {
  file.write(new Uint8Array(length).fill(fill), 0, length, file.sizeBytes());
}

/** Paths of a disk, with content. */
function tree(disk: SimulatedDisk, directory = ''): string[] {
  const files = disk.files();
  return files.list(`${directory}/`).flatMap((name) => {
    const path = `${directory}/${name}`;
    const stat = files.stat(path);
    if (stat?.isDirectory === true) return [`${path}/`, ...tree(disk, path)];
    const file = files.open(path, 'read');
    const bytes = new Uint8Array(stat?.sizeBytes ?? 0);
    file.readSync(bytes, 0, bytes.length, 0);
    file.close();
    return [`${path} ${bytes.join()}`];
  });
}
