import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { recordingLogger, SimulatedDisk } from '@millrace/testkit';
import { OffsetCheckpoint } from '../../src/directory/offset-checkpoint.js';

const file = '/checkpoint';
const orders = { topic: 'orders', partition: 0 };
const flights = { topic: 'flights-2', partition: 11 };

function checkpointOn(disk: SimulatedDisk, logger = recordingLogger()): OffsetCheckpoint {
  return new OffsetCheckpoint(disk.files(), file, logger);
}

describe('an offset checkpoint', () => {
  test('gives back what was saved, whatever was set and deleted before, from wherever the power was cut later', async () => {
    const steps = fc.array(
      fc.record({
        partition: fc.nat(4),
        action: fc.oneof(fc.nat(1000), fc.constant('delete' as const)),
        saves: fc.boolean(),
      }),
      { maxLength: 30 },
    );
    await fc.assert(
      fc.asyncProperty(steps, async (list) => {
        const disk = new SimulatedDisk(undefined, { record: false });
        const checkpoint = checkpointOn(disk);
        const model = new Map<number, number>();
        const saves: Promise<void>[] = [];
        for (const { partition, action, saves: isSaved } of list) {
          const name = { topic: 'orders', partition };
          if (action === 'delete') {
            checkpoint.delete(name);
            model.delete(partition);
          } else {
            checkpoint.set(name, action);
            model.set(partition, action);
          }
          if (isSaved) saves.push(checkpoint.save());
        }
        saves.push(checkpoint.save());
        await Promise.all(saves);
        const reread = checkpointOn(disk.crash('lost'));
        for (let partition = 0; partition < 5; partition++) {
          expect(reread.get({ topic: 'orders', partition })).toBe(model.get(partition));
        }
      }),
    );
  });

  test('shares one write among all that wait', async () => {
    const disk = new SimulatedDisk();
    const checkpoint = checkpointOn(disk);
    checkpoint.set(orders, 1);
    const first = checkpoint.save();
    checkpoint.set(orders, 2);
    const others = Array.from({ length: 10 }, () => checkpoint.save());
    await first;
    await Promise.all(others);
    expect(disk.operations.filter(({ kind }) => kind === 'rename')).toHaveLength(2);
    await checkpoint.save();
    expect(disk.operations.filter(({ kind }) => kind === 'rename')).toHaveLength(2);
    expect(checkpointOn(disk).get(orders)).toBe(2);
  });

  test('tells those who wait when it cannot be written, and is written by the next save', async () => {
    const disk = new SimulatedDisk();
    const checkpoint = checkpointOn(disk);
    checkpoint.set(flights, 7);
    disk.failNext({ operation: 'sync', code: 'EIO' });
    const first = checkpoint.save();
    checkpoint.set(orders, 3);
    const second = checkpoint.save();
    await expect(first).rejects.toMatchObject({ code: 'EIO' });
    await second;
    const reread = checkpointOn(disk);
    expect([reread.get(flights), reread.get(orders)]).toEqual([7, 3]);
  });

  test('that is damaged counts as empty, and says so', async () => {
    const disk = new SimulatedDisk();
    const checkpoint = checkpointOn(disk);
    checkpoint.set(orders, 5);
    await checkpoint.save();
    disk.flipBit(file, 6);
    const logger = recordingLogger();
    expect(checkpointOn(disk, logger).get(orders)).toBeUndefined();
    expect(logger.lines[0]?.message).toMatch(/damaged checkpoint/);
  });
});
