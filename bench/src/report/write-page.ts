/** Puts the page and its plots where they are committed. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { drawPlot } from './draw-plot.js';
import { type PresentedSuite, reportPage } from './page.js';
import type { Machine } from './results.js';

const docs = fileURLToPath(new URL('../../../docs/', import.meta.url));

export async function writePage(machine: Machine, presented: readonly PresentedSuite[]): Promise<void> {
  const plots = presented.flatMap(({ section }) => section.plots ?? []);
  rmSync(`${docs}plots`, { recursive: true, force: true });
  if (plots.length > 0) mkdirSync(`${docs}plots`);
  for (const plot of plots) writeFileSync(`${docs}plots/${plot.name}.svg`, await drawPlot(plot));
  writeFileSync(`${docs}benchmarks.md`, reportPage(machine, presented));
}
