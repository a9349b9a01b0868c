import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { mutants } from './mutants.js';

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
