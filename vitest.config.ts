import { readdirSync, readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

/**
 * Tests run against the sources: each package name and entry resolves to the file its `source` condition names,
 * so that a test never sees a stale build. Tests of real processes (`test/processes`) run the built program.
 */
interface Manifest {
  readonly name: string;
  readonly exports: Readonly<Record<string, { readonly source: string }>>;
}

const packages = new URL('./packages/', import.meta.url);
const alias = readdirSync(packages).flatMap((directory) => {
  const manifest = JSON.parse(readFileSync(new URL(`${directory}/package.json`, packages), 'utf8')) as Manifest;
  return Object.entries(manifest.exports).map(([entry, { source }]) => ({
    find: new RegExp(`^${manifest.name}${entry.slice(1)}$`),
    replacement: new URL(`${directory}/${source}`, packages).pathname,
  }));
});

export default defineConfig({
  resolve: { alias },
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['packages/*/test/**/*.test.ts'], pool: 'threads', maxWorkers: 2 },
      },
      {
        extends: true,
        test: {
          name: 'whole',
          include: ['test/**/*.test.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
