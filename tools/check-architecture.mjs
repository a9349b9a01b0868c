/** Holds every package.json to the import table: workspace dependencies are exactly what the row names. */
import { readdirSync, readFileSync } from 'node:fs';
import { mayImport, packageName } from './architecture.mjs';

const root = new URL('../packages/', import.meta.url);
const workspaceNames = new Map(Object.keys(mayImport).map((folder) => [packageName(folder), folder]));
const problems = [];

for (const folder of readdirSync(root)) {
  const allowed = mayImport[folder];
  if (allowed === undefined) {
    problems.push(`packages/${folder} has no row in tools/architecture.mjs`);
    continue;
  }
  const manifest = JSON.parse(readFileSync(new URL(`${folder}/package.json`, root), 'utf8'));
  if (manifest.name !== packageName(folder)) problems.push(`packages/${folder} is named ${manifest.name}`);
  const folders = new Set(allowed.map((entry) => entry.split('/')[0]));
  for (const name of Object.keys({
    ...manifest.dependencies,
    ...manifest.devDependencies,
    ...manifest.peerDependencies,
  })) {
    const dependency = workspaceNames.get(name);
    if (dependency !== undefined && !folders.has(dependency))
      problems.push(`packages/${folder}/package.json depends on ${name}, which its row does not name`);
  }
  const references = JSON.parse(readFileSync(new URL(`${folder}/tsconfig.json`, root), 'utf8')).references ?? [];
  for (const { path } of references)
    if (!folders.has(path.replace('../', ''))) problems.push(`packages/${folder}/tsconfig.json references ${path}`);
}

for (const problem of problems) process.stderr.write(`${problem}\n`);
process.exit(problems.length === 0 ? 0 : 1);
