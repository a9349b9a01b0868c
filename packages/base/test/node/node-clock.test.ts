import { expect, test } from 'vitest';
import { NodeClock } from '../../src/node/index.js';

const clock = new NodeClock();

test('a timer never fires before its time', async () => {
  for (let round = 0; round < 30; round += 1) {
    const delayMs = (round % 7) + 0.3;
    const start = clock.monotonicMs();
    await new Promise<void>((resolve) => {
      clock.schedule(delayMs, resolve);
    });
    expect(clock.monotonicMs() - start).toBeGreaterThanOrEqual(delayMs);
  }
});

test('a cancelled timer does not fire, however often it is cancelled', async () => {
  let fired = 0;
  const timer = clock.schedule(1, () => {
    fired += 1;
  });
  timer.cancel();
  timer.cancel();
  await new Promise<void>((resolve) => {
    clock.schedule(10, resolve);
  });
  expect(fired).toBe(0);
});

test('a wait longer than one system timer can hold does not end at once', async () => {
  let fired = 0;
  const timer = clock.schedule(2 ** 33, () => {
    fired += 1;
  });
  await new Promise<void>((resolve) => {
    clock.schedule(20, resolve);
  });
  timer.cancel();
  expect(fired).toBe(0);
});

test('nextTurn runs after promise callbacks, in order', async () => {
  const log: string[] = [];
  await new Promise<void>((resolve) => {
    clock.nextTurn(() => log.push('first turn'));
    clock.nextTurn(() => {
      log.push('second turn');
      resolve();
    });
    void Promise.resolve().then(() => log.push('promise'));
    log.push('now');
  });
  expect(log).toEqual(['now', 'promise', 'first turn', 'second turn']);
});

test('wall time is whole milliseconds of now', () => {
  expect(Number.isInteger(clock.wallMs())).toBe(true);
  expect(Math.abs(clock.wallMs() - Date.now())).toBeLessThan(1000);
});
