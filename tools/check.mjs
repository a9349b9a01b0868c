/**
 * `npm run check`: types, lint, format, architecture, dead code. The build has compiled everything before.
 * Steps run two at a time; each prints its output only when it fails.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = (path) => [process.execPath, `${root}node_modules/${path}`];

const steps = [
  ['lint', [...bin('eslint/bin/eslint.js'), '.', '--cache', '--cache-location', 'node_modules/.cache/eslint/']],
  ['format', [...bin('prettier/bin/prettier.cjs'), '--check', '--cache', '--log-level', 'warn', '.']],
  [
    'imports',
    [
      ...bin('dependency-cruiser/bin/dependency-cruise.mjs'),
      'packages',
      '--config',
      '.dependency-cruiser.mjs',
      '--output-type',
      'err',
    ],
  ],
  ['manifests', [process.execPath, 'tools/check-architecture.mjs']],
  ['dead code', [...bin('knip/bin/knip.js')]],
];

export async function check() {
  const results = [];
  const waiting = [...steps];
  const worker = async () => {
    for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) results.push(await runStep(step));
  };
  await Promise.all([worker(), worker()]);
  return results;
}

function runStep([name, [command, ...args]]) {
  return new Promise((resolve) => {
    const startedMs = Date.now();
    const child = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, FORCE_COLOR: '0' },
    });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    child.on('close', (status) => {
      const seconds = ((Date.now() - startedMs) / 1000).toFixed(1);
      process.stdout.write(`${status === 0 ? 'ok    ' : 'FAILED'}  ${name.padEnd(10)} ${seconds} s\n`);
      if (status !== 0) process.stdout.write(`${output}\n`);
      resolve({ name, passed: status === 0 });
    });
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const results = await check();
  process.exit(results.every(({ passed }) => passed) ? 0 : 1);
}
