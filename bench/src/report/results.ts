/**
 * What runs have measured, as it stands in bench/results/latest.json: the figures of each suite with the commit and the
 * moment of its run. A run of some suites replaces those and keeps the others.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

export interface BenchResults {
  readonly machine: Machine;
  readonly suites: Readonly<Record<string, SuiteResult>>;
}

export interface Machine {
  readonly cpus: number;
  readonly model: string;
  readonly memoryBytes: number;
  readonly node: string;
  readonly platform: string;
}

export interface SuiteResult {
  readonly commit: string;
  /** In ISO 8601. */
  readonly measuredAt: string;
  readonly seconds: number;
  readonly isQuick: boolean;
  readonly rounds: number;
  /** Processes that wanted to run, on average of the minute before: what else the machine had to do. */
  readonly loadBefore: number;
  readonly figures: unknown;
}

const directory = fileURLToPath(new URL('../../results/', import.meta.url));
const file = `${directory}latest.json`;

export function readResults(): BenchResults {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as BenchResults;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { machine: thisMachine(), suites: {} };
    throw error;
  }
}

/** Figures of another machine are not kept beside those of this one. */
export function mergeResults(before: BenchResults, suites: BenchResults['suites']): BenchResults {
  const machine = thisMachine();
  const isSame = JSON.stringify(before.machine) === JSON.stringify(machine);
  return { machine, suites: isSame ? { ...before.suites, ...suites } : suites };
}

export function writeResults(results: BenchResults): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
}

export function currentCommit(): string {
  return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
}

export function loadBefore(): number {
  return loadavg()[0] ?? NaN;
}

function thisMachine(): Machine {
  return {
    cpus: cpus().length,
    model: cpus()[0]?.model ?? 'unknown',
    memoryBytes: totalmem(),
    node: process.version,
    platform: process.platform,
  };
}
