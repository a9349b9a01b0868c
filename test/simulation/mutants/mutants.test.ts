import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { scenarioOf } from '../../scenarios/scenarios.js';
import { mutants, notPlanted } from './mutants.js';

const root = new URL('../../../', import.meta.url);

test('every planted bug has a name of its own and somewhere to be planted', () => {
  expect(new Set(mutants.map(({ id }) => id)).size).toBe(mutants.length);
  for (const { id, wrap, patches = [] } of mutants) {
    expect([id, wrap !== undefined || patches.length > 0]).toEqual([id, true]);
  }
});

test('every patch fits the sources as they are', () => {
  const unfit = mutants.flatMap(({ id, patches = [] }) =>
    patches
      .filter(({ file, find, replace }) => {
        const text = readFileSync(new URL(file, root), 'utf8');
        return text.split(find).length !== 2 || find === replace;
      })
      .map(({ file, find }) => `${id}: ${file} does not hold exactly once: ${find}`),
  );
  expect(unfit).toEqual([]);
});

test('every trap up to 43 has a bug here, or a reason why not', () => {
  const planted = new Set(mutants.map(({ id }) => id.replace(/b$/, '')));
  const excused = new Set(notPlanted.map(({ id }) => id));
  for (let trap = 1; trap <= 43; trap += 1) {
    expect([trap, planted.has(`m${trap}`) !== excused.has(`m${trap}`)]).toEqual([trap, true]);
  }
});

test('scenarios that show planted bugs are there', () => {
  for (const { scenario } of mutants) if (scenario !== undefined) expect(scenarioOf(scenario).id).toBe(scenario);
});
