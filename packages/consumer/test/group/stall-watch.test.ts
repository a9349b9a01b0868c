import { expect, test } from 'vitest';
import type { Hand } from '../../src/delivery.js';
import { StallWatch } from '../../src/group/stall-watch.js';

function hand(): { -readonly [Name in keyof Hand]: Hand[Name] } {
  return { asks: 1, isWorking: true, describe: () => 'a hand' };
}

/** Looks when looks are due; when it found the hand stalled. */
function look(watch: StallWatch, one: Hand, fromMs: number, toMs: number): number[] {
  const found: number[] = [];
  for (let nowMs = fromMs; nowMs <= toMs; nowMs += watch.intervalMs) {
    if (watch.stalled([one], nowMs) === one) found.push(nowMs);
  }
  return found;
}

test('a program is stalled when it asks for nothing and waits for nothing for the whole limit', () => {
  const watch = new StallWatch(1000);
  const one = hand();
  expect(look(watch, one, 0, 875)).toEqual([]);
  expect(look(watch, one, 1000, 1000)).toEqual([1000]);
  one.asks = 2;
  expect(look(watch, one, 1125, 1125)).toEqual([]);
  one.isWorking = false;
  expect(look(watch, one, 1250, 5000)).toEqual([]);
  one.isWorking = true;
  expect(look(watch, one, 5125, 5875)).toEqual([]);
  expect(look(watch, one, 6000, 6000)).toEqual([6000]);
});

test('time in which the process did not run does not count', () => {
  const watch = new StallWatch(1000);
  const one = hand();
  expect(look(watch, one, 0, 500)).toEqual([]);
  expect(look(watch, one, 3_600_000, 3_600_250)).toEqual([]);
  expect(look(watch, one, 3_600_375, 3_600_375)).toEqual([3_600_375]);
});

test('one worker that hangs is noticed, however busy the others are', () => {
  const watch = new StallWatch(1000);
  const [busy, hanging] = [hand(), hand()];
  for (let nowMs = 0; nowMs < 1000; nowMs += 125) {
    busy.asks += 1;
    expect(watch.stalled([busy, hanging], nowMs)).toBeUndefined();
  }
  busy.asks += 1;
  expect(watch.stalled([busy, hanging], 1000)).toBe(hanging);
  expect(watch.stalled([busy], 1000)).toBeUndefined();
});
