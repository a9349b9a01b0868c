import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { runScenario } from './scenario-runner.js';

const folder = new URL('./scenarios/', import.meta.url);

for (const file of readdirSync(folder)) {
  test(`scenario ${file.replace('.txt', '').replaceAll('-', ' ')}`, () => {
    const path = new URL(file, folder);
    const text = readFileSync(path, 'utf8');
    const found = runScenario(text);
    if (process.env['MILLRACE_REWRITE'] === '1') writeFileSync(path, found);
    else expect(found).toBe(text);
  });
}
