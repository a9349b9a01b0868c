/** Plans that once broke a promise, made as small as they go. `docs/testing.md` tells the story of each. */
import { readdirSync, readFileSync } from 'node:fs';
import { loadCompression } from '@millrace/record';
import { beforeAll, expect, test } from 'vitest';
import type { Plan } from '../simulation/plan/plan.js';
import { runPlan } from '../simulation/run/run-plan.js';

const plans = new URL('plans/', import.meta.url);
const files = readdirSync(plans).sort();

beforeAll(async () => {
  await loadCompression('zstd');
});

test.each(files)('%s keeps every promise now', async (file) => {
  const plan = JSON.parse(readFileSync(new URL(file, plans), 'utf8')) as Plan;
  const { violations } = await runPlan(plan);
  expect(violations.map(({ invariant, text, evidence }) => [`${invariant}: ${text}`, ...evidence])).toEqual([]);
});

test('each plan has its story', () => {
  const stories = readFileSync(new URL('../../docs/testing.md', import.meta.url), 'utf8');
  expect(files.filter((file) => !stories.includes(`\`${file}\``))).toEqual([]);
});
