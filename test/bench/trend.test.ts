import fc from 'fast-check';
import { expect, test } from 'vitest';
import { trendOf } from '../../bench/src/soak/trend.js';

const everySeconds = 2;
const series = (values: readonly number[]) =>
  values.map((value, index) => ({ atSeconds: index * everySeconds, value }));

test('what grows by more than is tolerated grows, whatever its size and however long it is watched', () => {
  fc.assert(
    fc.property(fc.integer({ min: 30, max: 2000 }), fc.double({ min: 25, max: 1e4, noNaN: true }), (count, perHour) => {
      const step = (perHour / 3600) * everySeconds;
      const trend = trendOf(series(Array.from({ length: count }, (_, index) => 100 + step * index)), 20);
      expect(trend.isGrowing).toBe(true);
      expect(trend.perHour).toBeCloseTo(perHour, 3);
    }),
  );
});

test('what goes up and down and stays is flat', () => {
  const saw = Array.from({ length: 300 }, (_, index) => 30 + (index % 7) * 10);
  expect(trendOf(series(saw), 20).isGrowing).toBe(false);
});

test('what fills in the first third and then stays is flat', () => {
  const filling = Array.from({ length: 300 }, (_, index) => Math.min(index, 90));
  expect(trendOf(series(filling), 20)).toMatchObject({ isGrowing: false, first: 0, last: 90, max: 90 });
});

test('a growth hidden in a saw is found once it is larger than the teeth', () => {
  const saw = (count: number) => Array.from({ length: count }, (_, index) => (index % 7) * 10 + index * 0.2);
  expect(trendOf(series(saw(60)), 20).isGrowing).toBe(false);
  expect(trendOf(series(saw(1000)), 20).isGrowing).toBe(true);
});

test('what falls is flat', () => {
  expect(trendOf(series([9, 8, 7, 6, 5, 4, 3]), 0).isGrowing).toBe(false);
});
