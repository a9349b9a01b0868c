/**
 * Makes a checkout ready: installs exactly what the lock file says and, with `--build`, compiles and bundles.
 * All are skipped when nothing changed. An interrupted install leaves no stamp, so the next run repairs it.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const stampFile = `${root}node_modules/.bootstrap-stamp`;

const hash = createHash('sha256').update(`${process.version} ${process.arch}\n`);
hash.update(readFileSync(`${root}package-lock.json`));
const stamp = hash.digest('hex');

/** npm hands its own configuration down; only where packages come from may reach the inner npm. */
function innerEnvironment() {
  const kept = /^npm_config_(cache|registry|userconfig|globalconfig|.*auth.*|.*proxy.*|cafile)$/i;
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) =>
        kept.test(name) || !/^npm_(config|lifecycle|package)_|^npm_(command|execpath|node_execpath)$/i.test(name),
    ),
  );
}

function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], ...options });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

if (!existsSync(stampFile) || readFileSync(stampFile, 'utf8') !== stamp) {
  process.stderr.write('Installing dependencies (first run only, about half a minute)\n');
  run(process.platform === 'win32' ? 'npm.cmd' : 'npm', ['ci', '--no-audit', '--no-fund', '--prefer-offline'], {
    env: innerEnvironment(),
    shell: process.platform === 'win32',
  });
  writeFileSync(stampFile, stamp);
}
if (process.argv.includes('--build')) {
  run(process.execPath, [`${root}node_modules/typescript/bin/tsc`, '-b']);
  run(process.execPath, [`${root}tools/bundle.mjs`]);
}
