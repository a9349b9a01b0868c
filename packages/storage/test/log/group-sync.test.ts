import { completion } from '@millrace/base';
import { describe, expect, test } from 'vitest';
import { GroupSync } from '../../src/log/group-sync.js';

describe('a group sync', () => {
  test('runs once for all who wait behind a run, and tells each how its own run ended', async () => {
    const runs: ReturnType<typeof completion<void>>[] = [];
    const sync = new GroupSync(() => {
      const run = completion<void>();
      runs.push(run);
      return run.promise;
    });
    const first = sync.sync();
    const behind = [sync.sync(), sync.sync()];
    expect(runs).toHaveLength(1);
    runs[0]?.resolve();
    await first;
    expect(runs).toHaveLength(2);
    const later = sync.sync();
    runs[1]?.reject(new Error('failed'));
    for (const waiter of behind) await expect(waiter).rejects.toThrow('failed');
    expect(runs).toHaveLength(3);
    const idle = sync.idle();
    runs[2]?.resolve();
    await Promise.all([later, idle]);
  });
});
