import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { offAbort, onAbort } from '../src/index.js';

test('thousands of listeners are one listener of the signal, and Node warns of nothing', async () => {
  const warnings: Error[] = [];
  const note = (warning: Error): void => void warnings.push(warning);
  process.on('warning', note);
  const controller = new AbortController();
  let told = 0;
  for (let count = 0; count < 5000; count += 1) onAbort(controller.signal, () => (told += 1));
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
  controller.abort();
  // Node emits warnings in a later tick.
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', note);
  expect(told).toBe(5000);
  expect(warnings).toEqual([]);
});

test('those that are there are told once and in order, and when none is there the signal is left alone', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ isOff: fc.boolean(), listener: fc.nat(5) })), (steps) => {
      const { signal, ...controller } = fresh();
      const told: number[] = [];
      const listeners = Array.from({ length: 6 }, (_, index) => (): void => void told.push(index));
      const model = new Set<number>();
      for (const { isOff, listener } of steps) {
        (isOff ? offAbort : onAbort)(signal, listeners[listener] as () => void);
        if (isOff) model.delete(listener);
        else model.add(listener);
        expect(getEventListeners(signal, 'abort')).toHaveLength(model.size === 0 ? 0 : 1);
      }
      controller.abort();
      expect(told).toEqual([...model]);
      for (const listener of listeners) onAbort(signal, listener);
      expect(told).toEqual([...model]);
      expect(getEventListeners(signal, 'abort')).toEqual([]);
    }),
  );
});

test('a listener that another one took away while all are told is not told', () => {
  const controller = new AbortController();
  const told: string[] = [];
  const last = (): void => void told.push('last');
  onAbort(controller.signal, () => {
    told.push('first');
    offAbort(controller.signal, last);
  });
  onAbort(controller.signal, last);
  controller.abort();
  expect(told).toEqual(['first']);
});

function fresh(): { readonly signal: AbortSignal; readonly abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}
