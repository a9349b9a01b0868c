import { expect, test } from 'vitest';
import { ReplyMemory } from '../src/reply-memory.js';

function reply() {
  const count = { givenBack: 0 };
  return { count, memory: new ReplyMemory(() => (count.givenBack += 1)) };
}

test('a reply without chunks goes back when its receiver lets go', () => {
  const { count, memory } = reply();
  memory.letGo();
  expect(count.givenBack).toBe(1);
});

test('memory goes back once, when the receiver and every chunk let go, in whatever order', () => {
  const { count, memory } = reply();
  const [first, second] = [memory.share(), memory.share()];
  first.release();
  first.release();
  memory.letGo();
  expect([count.givenBack, first.isReleased, second.isReleased]).toEqual([0, true, false]);
  second.release();
  second.release();
  expect(count.givenBack).toBe(1);
});

test('memory of a chunk that nobody releases never goes back', () => {
  const { count, memory } = reply();
  const released = memory.share();
  memory.share();
  memory.letGo();
  released.release();
  expect(count.givenBack).toBe(0);
});
