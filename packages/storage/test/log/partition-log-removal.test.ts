import type { MillraceError } from '@millrace/base';
import { ManualClock, SimulatedDisk } from '@millrace/testkit';
import { describe, expect, test } from 'vitest';
import { appendValues, batchOf, decode, directory, type ReadRecord, TestPartition } from './test-partition.js';

async function filled(disk = new SimulatedDisk(), clock = new ManualClock()): Promise<TestPartition> {
  const partition = await TestPartition.open(disk, { clock });
  for (let index = 0; index < 40; index++) {
    clock.advance(1000);
    const timestampsMs = [clock.wallMs()];
    partition.log.append(batchOf({ values: [`value ${index}`], timestampsMs }), { origin: 'client', leaderEpoch: 0 });
  }
  await partition.log.sync();
  return partition;
}

describe('retention', () => {
  test('by age removes the segments whose newest record is too old, and closes the active one to remove it', async () => {
    const clock = new ManualClock();
    const { log } = await filled(new SimulatedDisk(), clock);
    log.setConfig({ ...log.config, retentionMs: 15_000 });
    expect(await log.applyRetention(40)).toBeGreaterThan(0);
    expect(log.startOffset).toBeGreaterThan(10);
    expect(log.startOffset).toBeLessThanOrEqual(25);
    clock.advance(100_000);
    await log.applyRetention(40);
    expect([log.startOffset, log.endOffset, log.sizeBytes]).toEqual([40, 40, 0]);
    expect(appendValues(log, ['next'])).toBe(40);
  });

  test('by size keeps at least so much, and never removes what is above the high watermark', async () => {
    const { log } = await filled();
    log.setConfig({ ...log.config, retentionBytes: 1000 });
    await log.applyRetention(10);
    expect(log.startOffset).toBeLessThanOrEqual(10);
    await log.applyRetention(40);
    expect(log.sizeBytes).toBeGreaterThanOrEqual(1000);
    expect(log.sizeBytes).toBeLessThan(1000 + log.config.segmentBytes);
  });

  test('keeps a segment whose time index claims to be older than it is', async () => {
    const disk = new SimulatedDisk();
    const clock = new ManualClock();
    const first = await filled(disk, clock);
    await first.close();
    const timeIndex = `${directory}/00000000000000000000.timeindex`;
    const size = disk.files().stat(timeIndex)?.sizeBytes ?? 0;
    // Bit 4 of byte 5 of the last entry: a million milliseconds.
    disk.flipBit(timeIndex, (size - 12 + 5) * 8 + 4);
    const { log } = await TestPartition.open(disk, { clean: true, clock, config: { retentionMs: 500_000 } });
    const before = log.startOffset;
    await log.applyRetention(40);
    expect(log.startOffset).toBe(before);
  });
});

describe('reads', () => {
  test('that wait while records are removed get those records, others that are right, or are told', async () => {
    for (let round = 0; round < 12; round++) {
      const partition = await filled();
      const { log } = partition;
      const reads = Array.from({ length: 40 }, async (_, offset): Promise<ReadRecord[] | MillraceError> => {
        try {
          return decode((await log.read(offset, 200, 40)).bytes);
        } catch (error) {
          return error as MillraceError;
        }
      });
      const removal =
        round % 3 === 0
          ? log.truncateTo(5 + round)
          : round % 3 === 1
            ? log.advanceStartOffset(20 + round)
            : log.resetTo(90);
      for (const result of await Promise.all(reads)) {
        if (!Array.isArray(result)) expect(result).toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' });
        else for (const record of result) expect(record.value).toBe(`value ${record.offset}`);
      }
      await removal;
      expect(log.offlineReason).toBeUndefined();
    }
  });
});

describe('a start offset that moves while appends are synced', () => {
  test('does not come back with a crash', async () => {
    for (let ticks = 0; ticks < 12; ticks++) {
      const partition = await filled();
      const { log } = partition;
      appendValues(log, ['more']);
      const synced = log.sync();
      for (let tick = 0; tick < ticks; tick++) await Promise.resolve();
      await Promise.all([log.advanceStartOffset(25), synced]);
      appendValues(log, ['and more']);
      await log.sync();
      const again = await TestPartition.open(await partition.kill());
      expect(again.log.offlineReason).toBeUndefined();
      expect([again.log.startOffset, again.log.endOffset]).toEqual([25, 42]);
    }
  });
});

describe('files that are derived', () => {
  test('can all be deleted, and no answer changes', async () => {
    const answers = async ({ log, ...partition }: TestPartition): Promise<unknown> => {
      const times = [0, 5, 17, 39, 45].map((index) => new ManualClock().wallMs() + index * 1000);
      return {
        all: await TestPartition.prototype.readAll.call({ log, ...partition } as TestPartition),
        times: await Promise.all(times.map((timestampMs) => log.offsetForTimestamp(timestampMs))),
        largest: await log.largestTimestamp(),
        epochs: log.epochs,
        ends: [log.startOffset, log.endOffset],
        duplicate: log.append(batchOf({ values: ['p'], producer: { id: 1, epoch: 0, sequence: 0 } }), {
          origin: 'client',
          leaderEpoch: 1,
        }),
      };
    };
    const original = await filled();
    original.log.append(batchOf({ values: ['p'], producer: { id: 1, epoch: 0, sequence: 0 } }), {
      origin: 'client',
      leaderEpoch: 1,
    });
    await original.close();
    const expected = await answers(await TestPartition.open(original.disk.crash('kept'), { clean: true }));
    const derived = original.disk
      .files()
      .list(directory)
      .filter((name) => !name.endsWith('.log'));
    expect(derived.length).toBeGreaterThan(10);
    for (const clean of [true, false]) {
      for (const gone of [derived, ...derived.map((name) => [name])]) {
        const disk = original.disk.crash('kept');
        for (const name of gone) disk.files().removeFile(`${directory}/${name}`);
        expect(await answers(await TestPartition.open(disk, { clean })), gone.join()).toEqual(expected);
      }
    }
  });
});
