import { ManualClock } from '@millrace/testkit';
import { expect, test } from 'vitest';
import { SyncSchedule } from '../../src/partition/sync-schedule.js';

test('each partition of a turn is synced once, at the end of the turn', () => {
  const clock = new ManualClock();
  const syncs = new SyncSchedule(clock);
  const started: string[] = [];
  const named = (name: string): { startSync(): void } => ({ startSync: () => void started.push(name) });
  const [a, b] = [named('a'), named('b')];
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
