import { expect, test } from 'vitest';
import { ManualClock } from '../../src/index.js';

test('timers fire inside advance, in order of time and then of making', () => {
  const clock = new ManualClock();
  const log: string[] = [];
  clock.schedule(20, () => log.push(`b at ${clock.monotonicMs()}`));
  clock.schedule(10, () => {
    log.push(`a at ${clock.monotonicMs()}`);
    clock.schedule(5, () => log.push(`c at ${clock.monotonicMs()}`));
  });
  clock.schedule(20, () => log.push('d'));
  clock.schedule(18, () => log.push('never')).cancel();
  clock.advance(9);
  expect(log).toEqual([]);
  clock.advance(11);
  expect(log).toEqual(['a at 10', 'c at 15', 'b at 20', 'd']);
  expect(clock.pendingTimers).toBe(0);
});

test('a timer cancelled by one of the same moment does not fire', () => {
  const clock = new ManualClock();
  const log: string[] = [];
  clock.schedule(10, () => {
    second.cancel();
  });
  const second = clock.schedule(10, () => log.push('second'));
  clock.advance(10);
  expect(log).toEqual([]);
});

test('turns run when asked and in advance, one round at a time', () => {
  const clock = new ManualClock();
  const log: string[] = [];
  clock.nextTurn(() => {
    log.push('one');
    clock.nextTurn(() => log.push('two'));
  });
  expect(log).toEqual([]);
  clock.turn();
  expect(log).toEqual(['one']);
  clock.advance(0);
  expect(log).toEqual(['one', 'two']);
});

test('wall time goes along with monotonic time and jumps alone', () => {
  const clock = new ManualClock({ monotonicMs: 5, wallMs: 1000 });
  clock.advance(1.5);
  expect([clock.monotonicMs(), clock.wallMs()]).toEqual([6.5, 1001]);
  clock.setWallMs(10);
  clock.advance(1);
  expect([clock.monotonicMs(), clock.wallMs()]).toEqual([7.5, 11]);
});
