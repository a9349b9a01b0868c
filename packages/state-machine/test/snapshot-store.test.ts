import { SnapshotStore } from '@millrace/state-machine';
import { recordingLogger, seededRandom, SimulatedDisk } from '@millrace/testkit';
import { expect, test } from 'vitest';

function storeOn(disk: SimulatedDisk, logger = recordingLogger()): SnapshotStore {
  return new SnapshotStore({ environment: { files: disk.files(), logger }, directory: '/' });
}

const chunks = (position: number): Uint8Array[] => [Buffer.from(`state at ${position}`), Buffer.alloc(300, position)];

function latest(disk: SimulatedDisk): string | undefined {
  const snapshot = storeOn(disk).latest();
  return snapshot === undefined
    ? undefined
    : `${snapshot.position} ${Buffer.from(snapshot.chunks[0] ?? []).toString()}`;
}

test('the newest is found, and two are kept', async () => {
  const disk = new SimulatedDisk();
  const store = storeOn(disk);
  expect([store.latest(), store.safeStart()]).toEqual([undefined, 0]);
  await store.write(5, chunks(5));
  expect([latest(disk), store.safeStart()]).toEqual(['5 state at 5', 0]);
  await store.write(10, chunks(10));
  expect([latest(disk), store.safeStart()]).toEqual(['10 state at 10', 5]);
  await store.write(12, chunks(12));
  expect([latest(disk), store.safeStart()]).toEqual(['12 state at 12', 10]);
  expect(disk.files().list('/')).toHaveLength(2);
});

test('a damaged one is reported and the one before it is used', async () => {
  const disk = new SimulatedDisk();
  await storeOn(disk).write(5, chunks(5));
  await storeOn(disk).write(10, chunks(10));
  disk.flipBit('/00000000000000000010.checkpoint', 400);
  const logger = recordingLogger();
  expect(storeOn(disk, logger).latest()?.position).toBe(5);
  expect(logger.lines.map(({ level }) => level)).toEqual(['error']);
  disk.flipBit('/00000000000000000005.checkpoint', 400);
  expect(() => storeOn(disk).latest()).toThrow(expect.objectContaining({ code: 'CORRUPT_SNAPSHOT' }));
});

test('a short write is carried on, a full disk is reported and leaves the earlier snapshot', async () => {
  const disk = new SimulatedDisk();
  disk.shortWrites = 1;
  await storeOn(disk).write(5, chunks(5));
  expect(latest(disk)).toBe('5 state at 5');
  disk.clearFaults();
  disk.capacityBytes = disk.tree.usedBytes + 100;
  await expect(storeOn(disk).write(6, chunks(6))).rejects.toThrow();
  expect(latest(disk)).toBe('5 state at 5');
  disk.capacityBytes = 2 ** 40;
  await storeOn(disk).write(7, chunks(7));
  expect(latest(disk)).toBe('7 state at 7');
});

test('after a power cut at any operation there is the snapshot that was reported durable, or a newer one', async () => {
  const disk = new SimulatedDisk();
  const store = storeOn(disk);
  const durableAt: { readonly count: number; readonly position: number }[] = [{ count: 0, position: 0 }];
  for (let position = 1; position <= 4; position += 1) {
    await store.write(position, chunks(position));
    durableAt.push({ count: disk.operations.length, position });
  }
  let points = 0;
  for (const unsynced of ['kept', 'lost', 'torn', 'random'] as const) {
    for (const { count, disk: after } of SimulatedDisk.crashPoints(disk.operations, {
      unsynced,
      random: seededRandom(points),
    })) {
      const durable = durableAt.findLast((known) => known.count <= count)?.position ?? 0;
      expect(storeOn(after).latest()?.position ?? 0, `${unsynced} ${count}`).toBeGreaterThanOrEqual(durable);
      points += 1;
    }
  }
  expect(points).toBeGreaterThan(80);
});
