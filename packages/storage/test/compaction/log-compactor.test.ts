import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BatchView, encodeBatch, type Compression } from '@millrace/record';
import { SimulatedDisk, seededRandom } from '@millrace/testkit';
import type { LogCompactor } from '../../src/compaction/log-compactor.js';
import { defaultLogConfig, type LogConfig } from '../../src/log-config.js';
import { directory, TestLog, type ReadRecord } from './test-log.js';

const config: LogConfig = {
  ...defaultLogConfig,
  cleanup: 'compact',
  minCleanableDirtyRatio: 0.01,
  deleteRetentionMs: 1000,
  segmentBytes: 2000,
};

interface Batch {
  readonly records: readonly { readonly key: string | null; readonly value: string | null }[];
  readonly compression: Compression;
  /** -1 for none. */
  readonly producerId: number;
  readonly rolls: boolean;
}

const batches: fc.Arbitrary<Batch[]> = fc.array(
  fc.record({
    records: fc.array(
      fc.record({
        key: fc.oneof({ weight: 9, arbitrary: fc.constantFrom('a', 'b', 'c', 'd', 'e') }, fc.constant(null)),
        value: fc.oneof({ weight: 3, arbitrary: fc.stringMatching(/^[x-z]{0,20}$/) }, fc.constant(null)),
      }),
      { minLength: 1, maxLength: 6 },
    ),
    compression: fc.constantFrom<Compression>('none', 'none', 'gzip', 'snappy', 'lz4'),
    producerId: fc.integer({ min: -1, max: 2 }),
    rolls: fc.boolean(),
  }),
  { minLength: 1, maxLength: 25 },
);

/** Appends the batches and returns all records as they were; the active segment is empty at the end. */
async function fill(log: TestLog, list: readonly Batch[]): Promise<ReadRecord[]> {
  const all: ReadRecord[] = [];
  const sequences = new Map<number, number>();
  for (const { records, compression, producerId, rolls } of list) {
    const baseOffset = log.endOffset;
    const timestamped = records.map((record, index) => ({ ...record, timestampMs: 5000 + baseOffset + index }));
    const sequence = sequences.get(producerId) ?? 0;
    sequences.set(producerId, sequence + records.length);
    const producer = producerId < 0 ? {} : { producerId, producerEpoch: 0, baseSequence: sequence };
    log.append(encodeBatch(timestamped, { baseOffset, leaderEpoch: 1, compression, ...producer }));
    all.push(...timestamped.map((record, index) => ({ ...record, offset: baseOffset + index })));
    if (rolls) await log.roll();
  }
  if (!log.active.isEmpty) await log.roll();
  return all;
}

function newestOffsets(records: readonly ReadRecord[]): Map<string, number> {
  return new Map(records.flatMap(({ key, offset }) => (key === null ? [] : [[key, offset] as const])));
}

/** What is left in the end: the newest of each key, and what has no key. */
function compacted(all: readonly ReadRecord[], tombstones: 'stay' | 'go'): ReadRecord[] {
  const newest = newestOffsets(all);
  return all.filter(({ key, value, offset }) => {
    if (key === null) return true;
    return newest.get(key) === offset && (value !== null || tombstones === 'stay');
  });
}

async function runAll(compactor: LogCompactor, log: TestLog): Promise<number> {
  for (let runs = 0; ; runs++) {
    expect(runs).toBeLessThan(60);
    if ((await compactor.run(log, log.endOffset, config)) === undefined) return runs;
  }
}

describe('compaction', () => {
  test('leaves the newest record of each key with its offset and time, then lets tombstones go', async () => {
    await fc.assert(
      fc.asyncProperty(batches, fc.constantFrom(undefined, 24 * 4, 24 * 12), async (list, memoryBytes) => {
        const log = await TestLog.create(new SimulatedDisk(undefined, { record: false }));
        const all = await fill(log, list);
        const compactor = log.compactor(memoryBytes);
        await runAll(compactor, log);
        expect(await log.records()).toEqual(compacted(all, 'stay'));
        expect(compactor.cleanOffset).toBe(log.endOffset);
        log.clock.advance(1001);
        await runAll(compactor, log);
        expect(await log.records()).toEqual(compacted(all, 'go'));
        const newestBatches = new Map<number, number>();
        await log.scan((batch) => {
          if (batch.producerId >= 0) newestBatches.set(batch.producerId, batch.lastOffset);
        });
        expect(newestBatches).toEqual(log.newestOfProducer);
      }),
      { numRuns: 80 },
    );
  });

  test('goes on where it left off after a restart, and does nothing without new records', async () => {
    const log = await TestLog.create(new SimulatedDisk());
    await fill(log, [
      { records: [{ key: 'a', value: '1' }], compression: 'none', producerId: -1, rolls: true },
      { records: [{ key: 'a', value: '2' }], compression: 'none', producerId: -1, rolls: true },
    ]);
    await runAll(log.compactor(), log);
    const restarted = log.compactor();
    expect(restarted.cleanOffset).toBe(2);
    expect(await restarted.run(log, log.endOffset, config)).toBeUndefined();
  });

  test('leaves what is above the high watermark, and the active segment, alone', async () => {
    const log = await TestLog.create(new SimulatedDisk());
    const one = (key: string): Batch => ({
      records: [{ key, value: 'v' }],
      compression: 'none',
      producerId: -1,
      rolls: true,
    });
    await fill(log, [one('a'), one('a'), one('a'), one('a')]);
    log.append(encodeBatch([{ key: 'a', value: 'active' }], { baseOffset: 4, leaderEpoch: 1 }));
    await log.compactor().run(log, 2, config);
    expect((await log.records()).map(({ offset }) => offset)).toEqual([1, 2, 3, 4]);
  });

  test('waits until enough is dirty', async () => {
    const log = await TestLog.create(new SimulatedDisk());
    const one: Batch = { records: [{ key: 'a', value: 'v' }], compression: 'none', producerId: -1, rolls: true };
    const compactor = log.compactor();
    await fill(
      log,
      Array.from({ length: 10 }, (_, index) => ({ ...one, records: [{ key: `${index}`, value: 'v' }] })),
    );
    await compactor.run(log, log.endOffset, config);
    await fill(log, [one]);
    expect(await compactor.run(log, log.endOffset, { ...config, minCleanableDirtyRatio: 0.5 })).toBeUndefined();
    expect(await compactor.run(log, log.endOffset, { ...config, minCleanableDirtyRatio: 0.05 })).toBeDefined();
  });

  test('keeps control batches and batches whose records cannot be read, and does not let them replace anything', async () => {
    const log = await TestLog.create(new SimulatedDisk());
    log.append(encodeBatch([{ key: 'a', value: 'old' }], { baseOffset: 0, leaderEpoch: 1 }));
    log.append(
      encodeBatch([{ key: 'a', value: 'mark' }], {
        baseOffset: 1,
        leaderEpoch: 1,
        isControl: true,
        isTransactional: true,
        producerId: 7,
        producerEpoch: 0,
      }),
    );
    const garbled = encodeBatch([{ key: 'a', value: 'garbled' }], { baseOffset: 2, leaderEpoch: 1 });
    const lying = new BatchView(garbled);
    garbled[61] = 0x7e;
    const bytes = Buffer.from(garbled.buffer, garbled.byteOffset, garbled.length);
    const { crc32c } = await import('@millrace/record');
    bytes.writeUInt32BE(crc32c(bytes, 21), 17);
    expect(lying.isCrcValid()).toBe(true);
    log.append(garbled);
    log.append(
      encodeBatch([{ key: 'a', value: 'maybe aborted' }], {
        baseOffset: 3,
        leaderEpoch: 1,
        isTransactional: true,
        producerId: 7,
        producerEpoch: 0,
        baseSequence: 0,
      }),
    );
    await log.roll();
    await log.compactor().run(log, log.endOffset, config);
    const offsets: number[] = [];
    await log.scan((batch) => offsets.push(batch.baseOffset));
    expect(offsets).toEqual([0, 1, 2, 3]);
  });

  test('stops at the next batch when it is told to, and leaves everything as it was', async () => {
    const log = await TestLog.create(new SimulatedDisk());
    const all = await fill(log, sweepWorkload);
    const compactor = log.compactor();
    const running = compactor.run(log, log.endOffset, config);
    compactor.stop();
    expect(await running).toBeUndefined();
    expect(await log.records()).toEqual(all);
    expect(log.files.list(directory).filter((name) => name.endsWith('.cleaned'))).toEqual([]);
  });

  test('a full disk stops it without harm, and it succeeds when there is room', async () => {
    const disk = new SimulatedDisk();
    const log = await TestLog.create(disk);
    const one = (value: string): Batch => ({
      records: [{ key: 'a', value: value.repeat(300) }],
      compression: 'none',
      producerId: -1,
      rolls: true,
    });
    const all = await fill(log, [one('1'), one('2'), one('3')]);
    const compactor = log.compactor();
    const { capacityBytes } = disk;
    disk.capacityBytes = disk.tree.usedBytes + 200;
    await expect(compactor.run(log, log.endOffset, config)).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(log.failure).toBeUndefined();
    expect(await log.records()).toEqual(all);
    expect(log.files.list(directory).filter((name) => name.endsWith('.cleaned'))).toEqual([]);
    disk.capacityBytes = capacityBytes;
    await runAll(compactor, log);
    expect(await log.records()).toEqual(compacted(all, 'stay'));
  });

  test('an error in the middle of a swap stops the log, and opening it again puts it right', async () => {
    // The first sync of the directory is that of the mark, before anything is swapped.
    for (let after = 1; after <= 3; after++) {
      const disk = new SimulatedDisk();
      const log = await TestLog.create(disk);
      const all = await fill(log, sweepWorkload.slice(0, 6));
      disk.failNext({ operation: 'syncDirectory', code: 'EIO', after });
      await expect(runAll(log.compactor(), log)).rejects.toMatchObject({ code: 'EIO' });
      expect(log.failure).toMatchObject({ code: 'EIO' });
      const reopened = await TestLog.recover(disk);
      expectBetween(await reopened.records(), all);
    }
  });
});

const sweepWorkload: Batch[] = Array.from({ length: 12 }, (_, index) => ({
  records: [
    { key: 'abcdefg'[index % 7] ?? 'a', value: index % 5 === 0 ? null : `value ${index}`.repeat(index % 4) },
    { key: `once ${index}`, value: 'v'.repeat((index * 37) % 90) },
    { key: 'always', value: `${index}` },
  ],
  compression: index % 3 === 0 ? 'lz4' : 'none',
  producerId: index % 4 === 0 ? 1 : -1,
  rolls: index % 3 === 2,
}));

/** Nothing that must stay is missing, and nothing is there that was not appended. */
function expectBetween(found: readonly ReadRecord[], all: readonly ReadRecord[]): void {
  const byOffset = new Map(found.map((record) => [record.offset, record]));
  for (const record of compacted(all, 'go')) expect(byOffset.get(record.offset)).toEqual(record);
  for (const record of found) expect(record).toEqual(all[record.offset]);
}

describe('a power cut during compaction', () => {
  test('at any point leaves a log that holds all it must, and that compacts to the same in the end', async () => {
    const disk = new SimulatedDisk();
    const log = await TestLog.create(disk);
    const all = await fill(log, sweepWorkload);
    const compactor = log.compactor();
    const before = disk.operations.length;
    await runAll(compactor, log);
    log.clock.advance(1001);
    await runAll(compactor, log);
    expect(await log.records()).toEqual(compacted(all, 'go'));
    let points = 0;
    for (const unsynced of ['kept', 'lost', 'torn', 'random', 'random'] as const) {
      const random = seededRandom(`compaction ${points}`);
      for (const { count, disk: after } of SimulatedDisk.crashPoints(disk.operations, { unsynced, random })) {
        if (count < before) continue;
        points++;
        const recovered = await TestLog.recover(after);
        const found = await recovered.records();
        expectBetween(found, all);
        const names = recovered.files.list(directory);
        expect(names.filter((name) => /cleaned$|swap$/.test(name))).toEqual([]);
        for (const segment of recovered.segments) segment.close();
        const again = await TestLog.recover(after);
        expect(await again.records()).toEqual(found);
        expect(again.files.list(directory)).toEqual(names);
        again.newestOfProducer.set(1, log.newestOfProducer.get(1) ?? -1);
        again.clock.advance(2000);
        await runAll(again.compactor(), again);
        expectBetween(await again.records(), all);
      }
    }
    expect(points).toBeGreaterThan(300);
  });
});
