import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BoundedQueue } from '../src/index.js';

const anyStep = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('offer' as const), sizeBytes: fc.integer({ min: 0, max: 30 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('take' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('clear' as const) }) },
);

test('a bounded queue behaves as an array that refuses what does not fit', () => {
  const limits = fc.record({ maxItems: fc.integer({ min: 1, max: 50 }), maxBytes: fc.integer({ min: 1, max: 300 }) });
  fc.assert(
    fc.property(limits, fc.array(anyStep, { maxLength: 300 }), ({ maxItems, maxBytes }, steps) => {
      const queue = new BoundedQueue<number>({ maxItems, maxBytes });
      let model: { item: number; sizeBytes: number }[] = [];
      const modelBytes = (): number => model.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      for (const [item, step] of steps.entries()) {
        if (step.kind === 'offer') {
          const fits = model.length === 0 || (model.length < maxItems && modelBytes() + step.sizeBytes <= maxBytes);
          expect(queue.hasRoom(step.sizeBytes)).toBe(fits);
          expect(queue.offer(item, step.sizeBytes)).toBe(fits);
          if (fits) model.push({ item, sizeBytes: step.sizeBytes });
        } else if (step.kind === 'take') {
          expect(queue.peek()).toBe(model[0]?.item);
          expect(queue.take()).toBe(model.shift()?.item);
        } else {
          queue.clear();
          model = [];
        }
        expect(queue.length).toBe(model.length);
        expect(queue.sizeBytes).toBe(modelBytes());
        expect([...queue]).toEqual(model.map((entry) => entry.item));
      }
    }),
  );
});

test('an item larger than the whole limit enters an empty queue, and nothing beside it', () => {
  const queue = new BoundedQueue<string>({ maxItems: 10, maxBytes: 5 });
  expect(queue.offer('large', 100)).toBe(true);
  expect(queue.offer('small', 0)).toBe(false);
  queue.take();
  expect(queue.offer('small', 0)).toBe(true);
});
