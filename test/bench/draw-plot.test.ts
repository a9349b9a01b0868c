import { expect, test } from 'vitest';
import { drawPlot } from '../../bench/src/report/draw-plot.js';
import type { Plot } from '../../bench/src/report/plot.js';

const plot: Plot = {
  name: 'p',
  title: 'What it costs',
  x: { title: 'partitions', scale: 'log' },
  y: { title: 'records/s', scale: 'linear' },
  points: [1, 10, 100].map((x) => ({ series: 'written', x, y: 2 * x, low: x, high: 3 * x })),
};

test('the same points give the same drawing, byte for byte', async () => {
  expect(await drawPlot(plot)).toBe(await drawPlot(structuredClone(plot)));
});

test('a drawing shows its title, its axes and its line, and differs when a point does', async () => {
  const drawing = await drawPlot(plot);
  for (const text of ['What it costs', 'partitions', 'records/s', 'written']) expect(drawing).toContain(text);
  const [first, ...others] = plot.points;
  expect(await drawPlot({ ...plot, points: [{ ...first!, y: 50, high: 60 }, ...others] })).not.toBe(drawing);
});
