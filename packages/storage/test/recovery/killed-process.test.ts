import fc from 'fast-check';
import { SimulatedDisk } from '@millrace/testkit';
import { expect, test } from 'vitest';
import { appendValues, TestPartition } from '../log/test-partition.js';
import { runsOf } from '../test-runs.js';

test('what a killed process left in the page cache is made durable before it counts as synced', async () => {
  for (let count = 1; count < 30; count++) {
    const disk = new SimulatedDisk();
    const first = await TestPartition.open(disk);
    // After the first one the leader epochs are saved, and the directory is synced with them.
    for (let index = 0; index < count; index++) {
      appendValues(first.log, [`value ${index}`]);
      for (let turn = 0; turn < 100; turn++) await Promise.resolve();
    }
    // The machine goes on, and the power goes later.
    disk.endProcess();
    const second = await TestPartition.open(disk);
    expect(second.log.offlineReason).toBeUndefined();
    expect([second.log.syncedEndOffset, second.log.endOffset]).toEqual([count, count]);
    const third = await TestPartition.open(disk.crash('lost'));
    expect(third.log.offlineReason).toBeUndefined();
    expect(await third.readAll()).toEqual(await second.readAll());
    expect(third.log.endOffset).toBe(count);
  }
});

interface Step {
  readonly do: 'append' | 'sync' | 'truncate' | 'kill';
  readonly isNewEpoch: boolean;
  /** How far what goes on in the background gets before the next step. */
  readonly turns: number;
}

const stepArbitrary: fc.Arbitrary<Step> = fc.record({
  do: fc.constantFrom('append', 'append', 'append', 'sync', 'truncate', 'kill'),
  isNewEpoch: fc.boolean(),
  turns: fc.oneof(fc.integer({ min: 0, max: 8 }), fc.constant(100)),
});

test('kills lose nothing that was appended, and a power cut after them nothing that counted as synced', async () => {
  const run = async (steps: readonly Step[]): Promise<void> => {
    const disk = new SimulatedDisk();
    let partition = await TestPartition.open(disk);
    let values: string[] = [];
    let epoch = 0;
    let count = 0;
    const syncs: Promise<void>[] = [];
    for (const step of steps) {
      const { log } = partition;
      if (step.do === 'append') {
        if (step.isNewEpoch) epoch++;
        appendValues(log, [`value ${count}`], epoch);
        values.push(`value ${count++}`);
      } else if (step.do === 'sync') {
        syncs.push(log.sync().catch(() => undefined));
      } else if (step.do === 'truncate') {
        await log.truncateTo(Math.floor(values.length / 2));
        values = values.slice(0, log.endOffset);
        // What a follower takes next may be of an older epoch than what it cut off.
        epoch = Math.max(0, log.leaderEpoch);
      } else {
        disk.endProcess();
        partition = await TestPartition.open(disk);
        expect(partition.log.offlineReason).toBeUndefined();
        expect(await valuesOf(partition)).toEqual(values);
      }
      for (let turn = 0; turn < step.turns; turn++) await Promise.resolve();
    }
    const synced = values.slice(0, partition.log.syncedEndOffset);
    const last = await TestPartition.open(disk.crash('lost'));
    expect(last.log.offlineReason).toBeUndefined();
    expect((await valuesOf(last)).slice(0, synced.length)).toEqual(synced);
  };
  await fc.assert(fc.asyncProperty(fc.array(stepArbitrary, { maxLength: 25 }), run), { numRuns: 300 * runsOf(1) });
});

async function valuesOf(partition: TestPartition): Promise<string[]> {
  return (await partition.readAll()).map(({ value }) => value);
}
