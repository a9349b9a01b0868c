/**
 * Whether `bundle/` holds what was compiled last. Compiling leaves a mark in each package of a checkout, and a published
 * package has none: its bundle is always right. So nobody who compiles and runs ever runs yesterday's code.
 */
import { readdirSync, statSync } from 'node:fs';

const packages = new URL('../../', import.meta.url);

export function bundleIsFresh() {
  const bundledMs = modifiedMs(new URL('../bundle/main.js', import.meta.url));
  if (bundledMs === undefined || modifiedMs(new URL('../dist/.tsbuildinfo', import.meta.url)) === undefined)
    return bundledMs !== undefined;
  return readdirSync(packages, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .every(({ name }) => (modifiedMs(new URL(`${name}/dist/.tsbuildinfo`, packages)) ?? 0) <= bundledMs);
}

function modifiedMs(url) {
  return statSync(url, { throwIfNoEntry: false })?.mtimeMs;
}
