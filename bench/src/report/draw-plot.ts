/**
 * Draws a plot as SVG with Vega-Lite. The same points give the same bytes: there is no browser, no random id and no
 * measuring of fonts that differ by machine, since Vega estimates text widths when it has no canvas.
 */
import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import type { Axis, Plot } from './plot.js';

export async function drawPlot(plot: Plot): Promise<string> {
  const view = new View(parse(compile(specOf(plot)).spec), { renderer: 'none' });
  try {
    return `${await view.toSVG()}\n`;
  } finally {
    view.finalize();
  }
}

function specOf({ title, x, y, points }: Plot): TopLevelSpec {
  const color = { field: 'series', type: 'nominal', title: null, sort: null } as const;
  const xs = points.map((point) => point.x);
  const ys = points.flatMap(({ low, high }) => [low, high]);
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title,
    width: 460,
    height: 240,
    background: 'white',
    data: { values: points.map((point) => ({ ...point })) },
    encoding: { x: { field: 'x', ...axisOf(x, xs) }, color },
    layer: [
      {
        mark: { type: 'rule', opacity: 0.4 },
        encoding: { y: { field: 'low', ...axisOf(y, ys) }, y2: { field: 'high' } },
      },
      { mark: { type: 'line', point: true }, encoding: { y: { field: 'y', ...axisOf(y, ys) } } },
    ],
  };
}

function axisOf({ title, scale }: Axis, values: readonly number[]) {
  const type = 'quantitative' as const;
  if (scale === 'linear') return { type, title, scale: { type: scale, zero: true } };
  return { type, title, scale: { type: scale }, axis: { values: powersOfTen(values), format: '~s' } };
}

/** Where a logarithmic axis has its ticks; Vega's own nine per decade make a drawing five times as large. */
function powersOfTen(values: readonly number[]): number[] {
  const first = Math.floor(Math.log10(Math.min(...values)));
  const last = Math.ceil(Math.log10(Math.max(...values)));
  return Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index));
}
