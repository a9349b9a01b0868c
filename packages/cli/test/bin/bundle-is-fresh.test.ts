import { copyFileSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

/** A checkout in small: the real file under test, and marks of compiling and bundling with times of our own. */
let packages = '';
let bundleIsFresh: () => boolean;

beforeEach(async () => {
  packages = mkdtempSync(join(tmpdir(), 'millrace-bundle-'));
  const file = join(packages, 'cli/bin/bundle-is-fresh.js');
  mkdirSync(dirname(file), { recursive: true });
  copyFileSync(fileURLToPath(new URL('../../bin/bundle-is-fresh.js', import.meta.url)), file);
  writeFileSync(join(packages, 'package.json'), '{ "type": "module" }');
  const loaded = (await import(/* @vite-ignore */ pathToFileURL(file).href)) as { bundleIsFresh: () => boolean };
  bundleIsFresh = loaded.bundleIsFresh;
});

afterEach(() => {
  rmSync(packages, { recursive: true });
});

function writtenAt(seconds: number, path: string): void {
  const file = join(packages, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, '');
  utimesSync(file, seconds, seconds);
}

test('a published package has no compiler marks, and its bundle is taken', () => {
  writtenAt(1, 'cli/bundle/main.js');
  expect(bundleIsFresh()).toBe(true);
});

test('without a bundle the compiled modules are taken', () => {
  writtenAt(1, 'cli/dist/.tsbuildinfo');
  expect(bundleIsFresh()).toBe(false);
});

test('a bundle newer than everything compiled is taken', () => {
  writtenAt(1, 'cli/dist/.tsbuildinfo');
  writtenAt(2, 'base/dist/.tsbuildinfo');
  writtenAt(3, 'cli/bundle/main.js');
  expect(bundleIsFresh()).toBe(true);
});

test.each(['cli', 'base'])('a bundle older than what was compiled in %s is not taken', (changed) => {
  writtenAt(1, 'cli/dist/.tsbuildinfo');
  writtenAt(1, 'base/dist/.tsbuildinfo');
  writtenAt(2, 'cli/bundle/main.js');
  writtenAt(3, `${changed}/dist/.tsbuildinfo`);
  expect(bundleIsFresh()).toBe(false);
});
