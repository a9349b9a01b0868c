/**
 * `npm test`: everything that must pass before a change lands. Installs and builds when needed, checks types, lint,
 * format, architecture and dead code, then runs all tests. Ends with a summary; exits non-zero on any failure.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const node = (args, options = {}) =>
  spawnSync(process.execPath, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], ...options }).status === 0;

const built = node(['tools/bootstrap.mjs', '--build']);
if (!built) {
  process.stdout.write('\nThe build failed, so nothing else was run.\n0 passed, 1 failed\n');
  process.exit(1);
}

const { check } = await import('./check.mjs');
const checks = await check();

const reports = mkdtempSync(`${tmpdir()}/millrace-test-`);
const report = `${reports}/vitest.json`;
const testsPassed = node(
  [
    'node_modules/vitest/vitest.mjs',
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...process.argv.slice(2),
  ],
  { env: { ...process.env, NODE_OPTIONS: '' } },
);
const counts = readCounts(report);
rmSync(reports, { recursive: true });

const passed = checks.filter((step) => step.passed).length + counts.passed;
const failed = checks.filter((step) => !step.passed).length + Math.max(counts.failed, testsPassed ? 0 : 1);
process.stdout.write('\n');
for (const step of checks) process.stdout.write(`${step.passed ? 'ok    ' : 'FAILED'}  ${step.name}\n`);
process.stdout.write(
  `${testsPassed ? 'ok    ' : 'FAILED'}  tests: ${counts.passed} of ${counts.passed + counts.failed} in ${counts.files} files\n`,
);
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exit(failed === 0 ? 0 : 1);

function readCounts(file) {
  try {
    const json = JSON.parse(readFileSync(file, 'utf8'));
    return { passed: json.numPassedTests, failed: json.numFailedTests, files: json.testResults.length };
  } catch (error) {
    process.stderr.write(`No test report: ${error.message}\n`);
    return { passed: 0, failed: 1, files: 0 };
  }
}
