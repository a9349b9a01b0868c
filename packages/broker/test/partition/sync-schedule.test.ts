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

test('a large append is not kept waiting for the rest of its turn', () => {
  const clock = new ManualClock();
  const syncs = new SyncSchedule(clock);
  const started: string[] = [];
  const partition = { startSync: () => void started.push('a') };
  syncs.request(partition, 64 * 1024 - 1);
  expect(started).toEqual([]);
  syncs.request(partition, 64 * 1024);
  expect(started).toEqual(['a']);
  clock.turn();
  expect(started).toEqual(['a', 'a']);
});
