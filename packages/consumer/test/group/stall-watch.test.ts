import { expect, test } from 'vitest';
import { StallWatch } from '../../src/group/stall-watch.js';

test('a program is stalled when it asks for nothing and waits for nothing for the whole limit', () => {
  const watch = new StallWatch(1000);
  expect(watch.isStalled({ asks: 1, isWaitedFor: false }, 0)).toBe(false);
  expect(watch.isStalled({ asks: 1, isWaitedFor: false }, 999)).toBe(false);
  expect(watch.isStalled({ asks: 1, isWaitedFor: false }, 1000)).toBe(true);
  expect(watch.isStalled({ asks: 2, isWaitedFor: false }, 1001)).toBe(false);
  expect(watch.isStalled({ asks: 2, isWaitedFor: true }, 5000)).toBe(false);
  expect(watch.isStalled({ asks: 2, isWaitedFor: false }, 5999)).toBe(false);
  expect(watch.isStalled({ asks: 2, isWaitedFor: false }, 6000)).toBe(true);
});
