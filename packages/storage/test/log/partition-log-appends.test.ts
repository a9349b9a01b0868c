import { MillraceError } from '@millrace/base';
import { BatchView } from '@millrace/record';
import { ManualClock, SimulatedDisk } from '@millrace/testkit';
import { describe, expect, test } from 'vitest';
import { appendValues, batchOf, decode, TestPartition } from './test-partition.js';

const client = { origin: 'client', leaderEpoch: 0 } as const;
const replica = { origin: 'replica', leaderEpoch: -1 } as const;

function replicated(values: readonly string[], baseOffset: number, leaderEpoch: number): Uint8Array {
  const bytes = batchOf({ values, keys: values });
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  data.setBigInt64(0, BigInt(baseOffset));
  data.setInt32(12, leaderEpoch);
  return bytes;
}

describe('an idempotent producer', () => {
  const batch = (sequence: number): Uint8Array =>
    batchOf({ values: [`sequence ${sequence}`], producer: { id: 3, epoch: 1, sequence } });

  test('gets the offset of the first time when it sends a batch again, also after a restart of any kind', async () => {
    let partition = await TestPartition.open(new SimulatedDisk());
    for (let sequence = 0; sequence < 12; sequence++) partition.log.append(batch(sequence), client);
    const again = (): void => {
      expect(partition.log.append(batch(11), client)).toEqual({
        baseOffset: 11,
        lastOffset: 11,
        logAppendTimeMs: -1,
        duplicate: true,
      });
      expect(() => partition.log.append(batch(14), client)).toThrow(
        expect.objectContaining({ code: 'OUT_OF_ORDER_SEQUENCE_NUMBER' }),
      );
      expect(partition.log.endOffset).toBe(12);
    };
    again();
    partition = await TestPartition.open(await partition.kill());
    again();
    await partition.close();
    partition = await TestPartition.open(partition.disk, { clean: true });
    again();
    expect(partition.log.append(batch(12), client)).toMatchObject({ baseOffset: 12, duplicate: false });
  });

  test('is known up to the cut after a truncation', async () => {
    const { log } = await TestPartition.open(new SimulatedDisk());
    for (let sequence = 0; sequence < 12; sequence++) log.append(batch(sequence), client);
    await log.truncateTo(7);
    expect(log.append(batch(6), client)).toMatchObject({ baseOffset: 6, duplicate: true });
    expect(log.append(batch(7), client)).toMatchObject({ baseOffset: 7, duplicate: false });
  });

  test('must send its batches one by one', async () => {
    const { log } = await TestPartition.open(new SimulatedDisk());
    const two = Buffer.concat([batch(0), batch(1)]);
    expect(() => log.append(two, client)).toThrow(expect.objectContaining({ code: 'INVALID_RECORD' }));
    expect(log.endOffset).toBe(0);
  });
});

describe('an append', () => {
  test('of several batches gives them offsets one after the other', async () => {
    const partition = await TestPartition.open(new SimulatedDisk());
    const bytes = Buffer.concat([
      batchOf({ values: ['a', 'b'] }),
      batchOf({ values: ['c'] }),
      batchOf({ values: ['d', 'e'] }),
    ]);
    expect(partition.log.append(bytes, client)).toMatchObject({ baseOffset: 0, lastOffset: 4 });
    expect(decode(bytes).map((record) => record.offset)).toEqual([0, 1, 2, 3, 4]);
    expect((await partition.readAll()).map((record) => record.value)).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  test('of which one batch is bad changes nothing', async () => {
    const { log } = await TestPartition.open(new SimulatedDisk());
    const good = batchOf({ values: ['a'] });
    const bad = batchOf({ values: ['b'] });
    bad[bad.length - 1] = (bad.at(-1) ?? 0) ^ 1;
    for (const bytes of [Buffer.concat([good, bad]), Buffer.concat([good, good.subarray(0, 30)]), new Uint8Array(0)]) {
      expect(() => log.append(bytes, client)).toThrow(expect.objectContaining({ code: 'CORRUPT_MESSAGE' }));
    }
    expect([log.endOffset, log.sizeBytes]).toEqual([0, 0]);
  });

  test('stamps the time of the append where the topic says so', async () => {
    const clock = new ManualClock();
    const { log } = await TestPartition.open(new SimulatedDisk(), {
      clock,
      config: { timestampType: 'LogAppendTime' },
    });
    const result = log.append(batchOf({ values: ['a'], timestampsMs: [1000] }), client);
    expect(result.logAppendTimeMs).toBe(clock.wallMs());
    const { bytes } = await log.read(0, 1000, 1);
    expect(new BatchView(bytes).isCrcValid()).toBe(true);
    expect(decode(bytes)[0]?.timestampMs).toBe(clock.wallMs());
  });

  test('with times too far from the clock is refused', async () => {
    const config = { messageTimestampAfterMaxMs: 1000, messageTimestampBeforeMaxMs: 5000 };
    const clock = new ManualClock();
    const { log } = await TestPartition.open(new SimulatedDisk(), { clock, config });
    for (const [by, isFine] of [
      [1000, true],
      [1001, false],
      [-5000, true],
      [-5001, false],
    ] as const) {
      const append = (): unknown => log.append(batchOf({ values: ['a'], timestampsMs: [clock.wallMs() + by] }), client);
      if (isFine) append();
      else expect(append).toThrow(expect.objectContaining({ code: 'INVALID_TIMESTAMP' }));
    }
  });

  test('larger than the topic takes is refused', async () => {
    const { log } = await TestPartition.open(new SimulatedDisk(), { config: { maxMessageBytes: 200 } });
    expect(() => appendValues(log, ['x'.repeat(300)])).toThrow(expect.objectContaining({ code: 'MESSAGE_TOO_LARGE' }));
  });

  test('of an older leader is fenced', async () => {
    const { log } = await TestPartition.open(new SimulatedDisk());
    appendValues(log, ['a'], 4);
    expect(() => appendValues(log, ['b'], 3)).toThrow(expect.objectContaining({ code: 'FENCED_LEADER_EPOCH' }));
    expect([log.endOffset, log.leaderEpoch]).toEqual([1, 4]);
  });
});

describe('a replica', () => {
  test('takes over offsets and epochs as they are', async () => {
    const { log } = await TestPartition.open(new SimulatedDisk());
    log.append(Buffer.concat([replicated(['a', 'b'], 0, 2), replicated(['c'], 2, 5)]), replica);
    expect(log.epochs).toEqual([
      { epoch: 2, startOffset: 0 },
      { epoch: 5, startOffset: 2 },
    ]);
    expect(log.endOffsetForEpoch(2)).toEqual({ epoch: 2, endOffset: 2 });
    expect(log.endOffsetForEpoch(4)).toEqual({ epoch: 2, endOffset: 2 });
    expect(log.endOffsetForEpoch(5)).toEqual({ epoch: 5, endOffset: 3 });
  });

  test('refuses what does not follow on its log', async () => {
    const { log } = await TestPartition.open(new SimulatedDisk());
    log.append(replicated(['a', 'b'], 0, 2), replica);
    for (const bytes of [
      replicated(['c'], 3, 2),
      replicated(['c'], 1, 2),
      replicated(['c'], 2, 1),
      replicated(['c'], 2, -1),
    ]) {
      expect(() => log.append(bytes, replica)).toThrow(expect.objectContaining({ code: 'INVALID_RECORD' }));
    }
    expect(log.endOffset).toBe(2);
  });

  test('of a compacted log takes gaps, and begins a segment where offsets get too far from the first', async () => {
    const partition = await TestPartition.open(new SimulatedDisk(), { config: { cleanup: 'compact' } });
    const { log } = partition;
    expect(() => log.append(replicated(['unmarked'], 3, 0), replica)).toThrow('but 0 is next');
    await log.markGaps();
    const far = 2 ** 31 + 10;
    for (const offset of [3, 7, far, far + 5]) log.append(replicated([`at ${offset}`], offset, 0), replica);
    expect(log.segmentCount).toBe(2);
    const check = async ({ log: opened }: TestPartition): Promise<void> => {
      const values: string[] = [];
      for (let offset = 0; offset < opened.endOffset;) {
        const records = decode((await opened.read(offset, 1, opened.endOffset)).bytes);
        values.push(...records.map((record) => record.value));
        offset = (records.at(-1)?.offset ?? opened.endOffset) + 1;
      }
      expect(values).toEqual([3, 7, far, far + 5].map((offset) => `at ${offset}`));
    };
    await check(partition);
    await log.sync();
    // Whoever opens it does not know the topic's config yet.
    await check(await TestPartition.open(partition.disk.crash('lost')));
  });

  test('of a compacted log may skip the first offsets after it was opened, still empty, on a full disk', async () => {
    const { log, disk } = await TestPartition.open(new SimulatedDisk());
    await log.markGaps();
    const restarted = disk.crash('lost');
    restarted.failNext({ operation: 'write', path: /cleaner-offset-checkpoint/, code: 'ENOSPC' });
    const opened = await TestPartition.open(restarted);
    expect(opened.log.offlineReason).toBeUndefined();
    opened.log.append(replicated(['a'], 4, 0), replica);
    expect(opened.log.endOffset).toBe(5);
  });
});

describe('a segment is closed', () => {
  test('before it would grow past its size', async () => {
    const { log } = await TestPartition.open(new SimulatedDisk(), { config: { segmentBytes: 250 } });
    const batchBytes = batchOf({ values: ['0123456789'], keys: ['0123456789'] }).length;
    for (let index = 0; index < 9; index++) appendValues(log, ['0123456789']);
    expect(log.segmentCount).toBe(Math.ceil(9 / Math.floor(250 / batchBytes)));
    // One that is larger by itself gets a segment of its own.
    appendValues(log, ['x'.repeat(400)]);
    appendValues(log, ['after']);
    expect((await log.read(9, 10_000, 10)).bytes.length).toBeGreaterThan(400);
  });

  test('when it is old enough, by the clock of the broker', async () => {
    const clock = new ManualClock();
    const { log } = await TestPartition.open(new SimulatedDisk(), { clock, config: { segmentMs: 1000 } });
    appendValues(log, ['a']);
    clock.advance(999);
    appendValues(log, ['b']);
    expect(log.segmentCount).toBe(1);
    clock.advance(1);
    appendValues(log, ['c']);
    expect(log.segmentCount).toBe(2);
  });

  test('when an index is full', async () => {
    const { log } = await TestPartition.open(new SimulatedDisk(), {
      config: { segmentBytes: 1_000_000, indexIntervalBytes: 1 },
      maxIndexBytes: 80,
    });
    for (let index = 0; index < 100; index++) appendValues(log, [`${index}`]);
    expect(log.segmentCount).toBeGreaterThanOrEqual(9);
  });
});

describe('a sync', () => {
  test('is one at a time, and serves all who wait', async () => {
    const disk = new SimulatedDisk();
    const { log } = await TestPartition.open(disk);
    const syncs = (): number =>
      disk.operations.filter((operation) => operation.kind === 'sync' && operation.path.endsWith('.log')).length;
    const before = syncs();
    appendValues(log, ['first']);
    const waiters = [log.sync()];
    for (let index = 0; index < 3; index++) {
      appendValues(log, ['more']);
      waiters.push(log.sync());
    }
    await waiters[0];
    appendValues(log, ['while nobody waits']);
    await Promise.all(waiters);
    // The first run took what was there when it began; the second found nothing new to do.
    expect([syncs() - before, log.syncedEndOffset]).toEqual([1, 4]);
    await log.sync();
    await log.sync();
    expect([syncs() - before, log.syncedEndOffset]).toEqual([2, 5]);
  });
});

describe('memory', () => {
  test('serves readers at the tail, and the disk the others', async () => {
    const disk = new SimulatedDisk();
    const partition = await TestPartition.open(disk, { cached: true });
    const { log } = partition;
    const values = Array.from({ length: 200 }, (_, index) => `value ${index}`);
    for (const value of values) appendValues(log, [value]);
    disk.failNext({ operation: 'read', code: 'EIO' });
    expect((await partition.readAll()).map((record) => record.value)).toEqual(values);
    expect(log.readCached(200, 100, 200)?.bytes).toHaveLength(0);
    disk.clearFaults();
    await partition.close();
    const again = await TestPartition.open(disk, { cached: true, clean: true });
    expect(again.log.readCached(199, 100, 200)).toBeUndefined();
    expect((await again.readAll()).map((record) => record.value)).toEqual(values);
  });
});

describe('a closed log', () => {
  test('refuses to be used', async () => {
    const { log } = await TestPartition.open(new SimulatedDisk());
    await log.close();
    await log.close();
    expect(() => appendValues(log, ['a'])).toThrow(MillraceError);
    await expect(log.read(0, 1, 0)).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
  });
});
