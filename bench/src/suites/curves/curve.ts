/**
 * A cost curve: the same measurement at each point of one variable, in interleaved rounds, as a table and as one plot for
 * each unit. A curve is a small file that says what one point is.
 */
import { formatSpread, type Spread, spread } from '../../report/statistics.js';
import type { Axis, Plot } from '../../report/plot.js';
import { defineSuite, type Scale, type Suite } from '../../suite.js';

export interface CurveLine<Key extends string> {
  readonly key: Key;
  readonly name: string;
  readonly unit: string;
  readonly digits?: number;
  /** Of the plot's y axis; linear when absent. */
  readonly scale?: Axis['scale'];
}

interface CurveDefinition<Key extends string> {
  readonly name: string;
  readonly title: string;
  readonly x: Axis;
  readonly showX?: (x: number) => string;
  readonly lines: readonly CurveLine<Key>[];
  readonly points: (scale: Scale) => readonly number[];
  /** Measures all points of one round; each gives a figure for every line. */
  readonly round: (points: readonly number[], scale: Scale) => Promise<readonly Readonly<Record<Key, number>>[]>;
  readonly notes: string;
}

type CurveFigures<Key extends string> = readonly {
  readonly x: number;
  readonly lines: Readonly<Record<Key, Spread>>;
}[];

export function defineCurve<Key extends string>(curve: CurveDefinition<Key>): Suite {
  const showX = curve.showX ?? String;
  return defineSuite<CurveFigures<Key>>({
    name: curve.name,
    title: curve.title,
    measure: async (scale) => {
      const points = curve.points(scale);
      const rounds: (readonly Readonly<Record<Key, number>>[])[] = [];
      for (let index = 0; index < scale.pick(1, 3); index += 1) rounds.push(await curve.round(points, scale));
      return points.map((x, index) => ({ x, lines: spreads(curve, rounds, index) }));
    },
    present: (figures) => ({
      notes: curve.notes,
      tables: [
        {
          title: 'Medians with their ranges',
          head: [curve.x.title, ...curve.lines.map(({ name, unit }) => `${name}, ${unit}`)],
          rows: figures.map(({ x, lines }) => [
            showX(x),
            ...curve.lines.map(({ key, digits }) => formatSpread(lines[key], digits)),
          ]),
        },
      ],
      plots: [...new Set(curve.lines.map(({ unit }) => unit))].map((unit) => plotOf(curve, figures, unit)),
    }),
  });
}

/** For points that do not share a node: one after the other. */
export async function eachPoint<Figures>(
  points: readonly number[],
  measure: (x: number) => Promise<Figures>,
): Promise<Figures[]> {
  const figures = [];
  for (const x of points) figures.push(await measure(x));
  return figures;
}

function spreads<Key extends string>(
  { lines }: CurveDefinition<Key>,
  rounds: readonly (readonly Readonly<Record<Key, number>>[])[],
  point: number,
): Record<Key, Spread> {
  const entries = lines.map(({ key }) => [key, spread(rounds.map((round) => round[point]?.[key] ?? NaN))]);
  return Object.fromEntries(entries) as Record<Key, Spread>;
}

function plotOf<Key extends string>(curve: CurveDefinition<Key>, figures: CurveFigures<Key>, unit: string): Plot {
  const lines = curve.lines.filter((line) => line.unit === unit);
  return {
    name: `${curve.name}-${unit.replaceAll(/[^a-z]+/gi, '-').toLowerCase()}`.replace(/-+$/, ''),
    title: `${curve.title}: ${unit}`,
    x: curve.x,
    y: { title: unit, scale: lines[0]?.scale ?? 'linear' },
    points: lines.flatMap(({ key, name }) =>
      figures.map(({ x, lines: of }) => ({
        series: name,
        x,
        y: of[key].median,
        low: of[key].min,
        high: of[key].max,
      })),
    ),
  };
}
