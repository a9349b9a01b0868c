/**
 * `npm run sim -- ...`: the simulator over the sources as they are now.
 *
 * All of every package, `test/simulation` and `test/scenarios` are turned into JavaScript in a folder named after their content, so a
 * run is not disturbed by edits, needs no build, and a planted bug is a changed copy. `--help` lists the options.
 */
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));
const cache = join(root, 'node_modules/.cache/millrace/simulator');
const treesKept = 40;

/** All files a run is made of, as [path from the root, text]. */
function sources() {
  const found = [];
  const collect = (folder, matches) => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) collect(path, matches);
      else if (matches(entry.name)) found.push([path, readFileSync(join(root, path), 'utf8')]);
    }
  };
  for (const name of readdirSync(join(root, 'packages')).sort()) {
    collect(`packages/${name}/src`, (file) => file.endsWith('.ts') && !file.endsWith('.d.ts'));
    found.push([`packages/${name}/package.json`, readFileSync(join(root, `packages/${name}/package.json`), 'utf8')]);
  }
  for (const folder of ['test/simulation', 'test/scenarios']) {
    collect(folder, (file) => /\.(ts|txt)$/.test(file) && !file.endsWith('.test.ts'));
  }
  return found;
}

/**
 * Makes the tree, with `patches` ({ file, find, replace }) applied to it, and returns its folder. Throws when a patch
 * does not apply exactly once: it was made for other sources.
 */
export function buildTree(patches = []) {
  const files = new Map(sources());
  for (const { file, find, replace } of patches) {
    const text = files.get(file);
    const count = text?.split(find).length ?? 1;
    if (count !== 2) throw new Error(`A patch of ${file} applies ${count - 1} times instead of once: ${find}`);
    files.set(
      file,
      text.replace(find, () => replace),
    );
  }
  const hash = createHash('sha256').update(ts.version);
  for (const [path, text] of files) hash.update(path).update('\0').update(text).update('\0');
  const target = join(cache, hash.digest('hex').slice(0, 16));
  if (existsSync(target)) return target;
  const partial = `${target}.${process.pid}`;
  for (const [path, text] of files) write(partial, path, text);
  linkPackages(partial);
  forgetOldTrees();
  try {
    renameSync(partial, target);
  } catch (error) {
    // Another process made the same tree meanwhile.
    if (!existsSync(target)) throw error;
    rmSync(partial, { recursive: true });
  }
  return target;
}

function write(tree, path, text) {
  const isSource = path.endsWith('.ts');
  const place = path.replace(/^(packages\/[^/]+)\/src\//, '$1/dist/').replace(/\.ts$/, '.js');
  const out = join(tree, place);
  mkdirSync(dirname(out), { recursive: true });
  if (!isSource) {
    writeFileSync(out, text);
    return;
  }
  const { outputText } = ts.transpileModule(text, {
    fileName: join(root, path),
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
      inlineSourceMap: true,
      sourceRoot: root,
    },
  });
  writeFileSync(out, outputText);
}

/** `@millrace/x` is this tree's; everything else is found in the checkout's own `node_modules` further up. */
function linkPackages(tree) {
  for (const name of readdirSync(join(tree, 'packages'))) {
    const manifest = JSON.parse(readFileSync(join(tree, `packages/${name}/package.json`), 'utf8'));
    const link = join(tree, 'node_modules', manifest.name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join('../'.repeat(manifest.name.split('/').length), 'packages', name), link);
    // A dependency that a package has in a version of its own.
    const own = join(root, `packages/${name}/node_modules`);
    if (existsSync(own)) cpSync(own, join(tree, `packages/${name}/node_modules`), { recursive: true });
  }
  writeFileSync(join(tree, 'package.json'), '{ "type": "module" }\n');
}

/** The oldest go; one that is being made, by whomever, stays. */
function forgetOldTrees() {
  mkdirSync(cache, { recursive: true });
  const trees = readdirSync(cache)
    .filter((name) => /^[0-9a-f]{16}$/.test(name))
    .map((name) => ({
      path: join(cache, name),
      madeMs: statSync(join(cache, name), { throwIfNoEntry: false })?.mtimeMs ?? 0,
    }))
    .sort((a, b) => a.madeMs - b.madeMs);
  for (const { path } of trees.slice(0, Math.max(0, trees.length - treesKept)))
    rmSync(path, { recursive: true, force: true });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const tree = buildTree();
  const { main } = await import(pathToFileURL(join(tree, 'test/simulation/command/command-line.js')).href);
  process.exitCode = await main(process.argv.slice(2), { root, tree, buildTree });
}
