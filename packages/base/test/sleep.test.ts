import { ManualClock } from '@millrace/testkit';
import { expect, test } from 'vitest';
import { sleep } from '../src/index.js';

test('sleep ends when its time is over', async () => {
  const clock = new ManualClock();
  let isOver = false;
  const sleeping = sleep(clock, 100).then(() => {
    isOver = true;
  });
  clock.advance(99);
  await Promise.resolve();
  expect(isOver).toBe(false);
  clock.advance(1);
  await sleeping;
  expect(clock.pendingTimers).toBe(0);
});

test('an abort ends sleep with its reason and leaves no timer', async () => {
  const clock = new ManualClock();
  const controller = new AbortController();
  const sleeping = sleep(clock, 100, controller.signal);
  const reason = new Error('stop');
  controller.abort(reason);
  await expect(sleeping).rejects.toBe(reason);
  expect(clock.pendingTimers).toBe(0);
});

test('sleep does not begin after an abort', async () => {
  const clock = new ManualClock();
  const reason = new Error('stop');
  await expect(sleep(clock, 100, AbortSignal.abort(reason))).rejects.toBe(reason);
  expect(clock.pendingTimers).toBe(0);
});

test('an abort after the end does nothing', async () => {
  const clock = new ManualClock();
  const controller = new AbortController();
  const sleeping = sleep(clock, 10, controller.signal);
  clock.advance(10);
  controller.abort();
  await expect(sleeping).resolves.toBeUndefined();
});
