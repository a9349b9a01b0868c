import { expect, test } from 'vitest';
import type { Hand } from '../../src/delivery.js';
import { StallWatch } from '../../src/group/stall-watch.js';

function hand(): { -readonly [Name in keyof Hand]: Hand[Name] } {
  return { asks: 1, isWorking: true, describe: () => 'a hand' };
}

test('a program is stalled when it asks for nothing and waits for nothing for the whole limit', () => {
  const watch = new StallWatch(1000);
  const one = hand();
  expect(watch.stalled([one], 0)).toBeUndefined();
  expect(watch.stalled([one], 999)).toBeUndefined();
  expect(watch.stalled([one], 1000)).toBe(one);
  one.asks = 2;
  expect(watch.stalled([one], 1001)).toBeUndefined();
  one.isWorking = false;
  expect(watch.stalled([one], 5000)).toBeUndefined();
  one.isWorking = true;
  expect(watch.stalled([one], 5001)).toBeUndefined();
  expect(watch.stalled([one], 6000)).toBe(one);
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
