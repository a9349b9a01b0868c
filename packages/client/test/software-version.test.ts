import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { softwareVersion } from '../src/software-version.js';

test('Hello names the version of this package', () => {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
  expect(softwareVersion).toBe(manifest.version);
});
