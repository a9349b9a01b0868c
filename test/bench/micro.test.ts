/** The micro benchmarks still run and do what they say; how fast is not this test's business. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { MicroFigure } from '../../bench/src/micro/micro-benchmark.js';

const script = fileURLToPath(new URL('../../bench/dist/micro/run-micro.js', import.meta.url));

test('every micro benchmark does at least the work it was asked for', () => {
  const units = 3000;
  const output = execFileSync(process.execPath, [script, String(units)], { encoding: 'utf8' });
  const figures = JSON.parse(output) as MicroFigure[];
  expect(figures.length).toBeGreaterThanOrEqual(8);
  for (const figure of figures) {
    expect(figure.units, figure.name).toBeGreaterThanOrEqual(units);
    expect(figure.units, figure.name).toBeLessThan(units + 1024);
    expect(figure.nsPerUnit, figure.name).toBeGreaterThan(0);
  }
});
