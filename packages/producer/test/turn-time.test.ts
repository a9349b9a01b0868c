import { describe, expect, test } from 'vitest';
import { TurnTime } from '../src/turn-time.js';

function setUp(): { time: TurnTime; clock: { now: number; readings: number } } {
  const clock = { now: 1000, readings: 0 };
  const wallMs = (): number => {
    clock.readings += 1;
    return clock.now;
  };
  return { time: new TurnTime({ wallMs }), clock };
}

describe('the time of a turn', () => {
  test('a new turn always has the time of the clock', () => {
    const { time, clock } = setUp();
    expect(time.nowMs(false)).toBe(1000);
    clock.now = 2000;
    expect(time.nowMs(false)).toBe(2000);
  });

  test('records of one turn share a reading', () => {
    const { time, clock } = setUp();
    const times = [time.nowMs(false), time.nowMs(true), time.nowMs(true)];
    expect(times).toEqual([1000, 1000, 1000]);
    expect(clock.readings).toBe(1);
  });

  test('a turn that goes on for long is not believed for more than sixteen records', () => {
    const { time, clock } = setUp();
    time.nowMs(false);
    clock.now = 5000;
    const stale = Array.from({ length: 40 }, () => time.nowMs(true)).filter((ms) => ms === 1000).length;
    expect(stale).toBe(15);
    expect(time.nowMs(true)).toBe(5000);
  });

  test('is read first even when it is told that the turn is still the same', () => {
    expect(setUp().time.nowMs(true)).toBe(1000);
  });
});
