/**
 * Joins what the `millrace` program loads, several hundred small modules, into a few files:
 *
 *     packages/cli/dist/main.js  ->  packages/cli/bundle/main.js      what every command needs
 *                                                        *.js         what one `import()` brings: the server, a client
 *                                                        *.js.map     back to the TypeScript sources
 *
 * The program starts in half the time. Names are kept and nothing is inlined by hand, so a stack trace reads as before.
 * Native modules and what only unusual commands need stay outside; they are dependencies of the `millrace` package.
 *
 * Does nothing when the bundle is newer than everything that was compiled. `packages/cli/bin/millrace.js` takes the
 * compiled modules when it is not.
 */
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bundleIsFresh } from '../packages/cli/bin/bundle-is-fresh.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const directory = `${root}packages/cli/bundle`;

/** Modules with native parts, and files of their own that they find by path. */
const external = ['@node-rs/crc32', 'lz4-napi', 'snappy', '@bokuweb/zstd-wasm', 'cli-table3'];

/** The compiler's source maps, so that the bundle's lead back to the sources. */
const compilerSourceMaps = {
  name: 'compiler-source-maps',
  load(id) {
    if (!id.startsWith(`${root}packages/`) || !existsSync(`${id}.map`)) return null;
    return { code: readFileSync(id, 'utf8'), map: readFileSync(`${id}.map`, 'utf8') };
  },
};

if (!bundleIsFresh()) await bundle();

async function bundle() {
  const { rolldown } = await import('rolldown');
  const build = await rolldown({
    input: { main: `${root}packages/cli/dist/main.js` },
    platform: 'node',
    external,
    plugins: [compilerSourceMaps],
    // hdr-histogram-js asks for zlib through eval; it is not ours to change.
    checks: { eval: false },
  });
  // Aside first: a program that starts meanwhile finds a whole bundle or none.
  const unfinished = `${directory}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  await build.write({
    dir: unfinished,
    format: 'esm',
    sourcemap: true,
    comments: false,
    chunkFileNames: chunkName,
  });
  await build.close();
  rmSync(directory, { recursive: true, force: true });
  renameSync(unfinished, directory);
}

/** Many modules are called `index.js` in `dist`: such a chunk is named after the package that it holds. */
function chunkName({ name, moduleIds }) {
  const last = moduleIds.at(-1) ?? '';
  const workspace = /\/packages\/([^/]+)\/dist\/(?:(.+)\/)?index\.js$/.exec(last);
  if (workspace !== null) return `${workspace.slice(1).filter(Boolean).join('-')}.js`;
  const library = /\/node_modules\/(?:@[^/]+\/)?([^/]+)\//.exec(last);
  return `${library?.[1] ?? name}.js`;
}
