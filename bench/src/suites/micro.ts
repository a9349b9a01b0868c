/** The hot files alone. */
import type { MicroFigure } from '../micro/micro-benchmark.js';
import { benchScript, runChild } from '../nodes/child.js';
import { type Spread, spread } from '../report/statistics.js';
import { defineSuite, type Scale } from '../suite.js';

type MicroFigures = readonly { readonly name: string; readonly unit: string; readonly ns: Spread }[];

async function measure({ rounds, pick }: Scale): Promise<MicroFigures> {
  const units = String(pick(200_000, 1_000_000));
  const runs: (readonly MicroFigure[])[] = [];
  for (let round = 0; round < rounds; round += 1)
    runs.push(await runChild<MicroFigure[]>(benchScript('micro/run-micro'), [units]));
  return (runs[0] ?? []).map(({ name, unit }, index) => ({
    name,
    unit,
    ns: spread(runs.map((run) => run[index]?.nsPerUnit ?? NaN)),
  }));
}

export const micro = defineSuite<MicroFigures>({
  name: 'micro',
  title: 'Hot files',
  measure,
  present: (figures) => ({
    figures: figures.map(({ name, unit, ns }) => ({ name, value: ns, unit: `ns / ${unit}` })),
    notes: 'Each alone in a loop, without sockets and disks, with warm caches: what the code costs at best.',
  }),
});
