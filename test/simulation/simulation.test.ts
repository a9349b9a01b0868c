import { loadCompression } from '@millrace/record';
import { beforeAll, expect, test } from 'vitest';
import { runSeed } from './command/run-seed.js';
import { drawPlan } from './plan/draw-plan.js';
import { runPlan } from './run/run-plan.js';

/** As many as a commit has time for; `npm run sim` runs more. */
const seeds = 12;
const nodesMax = 1;

beforeAll(async () => {
  await loadCompression('zstd');
});

test('seeds keep every promise', async () => {
  const broken: string[] = [];
  for (let seed = 1; seed <= seeds; seed += 1) {
    const { violations } = await runSeed(seed, { nodesMax, mutant: undefined });
    for (const { invariant, text } of violations) broken.push(`seed ${seed}: ${invariant}: ${text}`);
  }
  expect(broken).toEqual([]);
});

test('a seed run twice is the same run', async () => {
  const plan = drawPlan(5, { nodesMax });
  const one = await runPlan(plan);
  const other = await runPlan(plan);
  expect(other.traceHash).toBe(one.traceHash);
  expect(other.sends).toBe(one.sends);
});

test('another seed is another run', async () => {
  const one = await runPlan(drawPlan(5, { nodesMax }));
  const other = await runPlan(drawPlan(6, { nodesMax }));
  expect(other.traceHash).not.toBe(one.traceHash);
});

test('a planted bug is found', async () => {
  let found: string | undefined;
  for (let seed = 1; seed <= 20 && found === undefined; seed += 1) {
    const { violations } = await runSeed(seed, { nodesMax, mutant: 'm11' });
    found = violations[0]?.invariant;
  }
  expect(['A11', 'C1', 'C9']).toContain(found);
});
