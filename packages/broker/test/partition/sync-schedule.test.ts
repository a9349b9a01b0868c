import { ManualClock } from '@millrace/testkit';
import { expect, test } from 'vitest';
import { SyncSchedule } from '../../src/partition/sync-schedule.js';

test('each partition of a turn is synced once, at the end of the turn', () => {
  const clock = new ManualClock();
  const syncs = new SyncSchedule(clock);
  const started: string[] = [];
  const [a, b] = ['a', 'b'].map((name) => ({ startSync: () => started.push(name) })) as [
    { startSync(): void },
    { startSync(): void },
  ];
  syncs.request(a);
  syncs.request(b);
  syncs.request(a);
  expect(started).toEqual([]);
  clock.turn();
  expect(started).toEqual(['a', 'b']);
  clock.turn();
  syncs.request(b);
  clock.turn();
  expect(started).toEqual(['a', 'b', 'b']);
});
