/** Where and with what a load ran: without it, its figures cannot be compared with others. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { errorMessage, MillraceError } from '@millrace/base';

export interface Machine {
  readonly cpus: number;
  readonly model: string;
  readonly memoryBytes: number;
  readonly node: string;
  readonly platform: string;
  readonly loadAverage: number;
}

export function thisMachine(): Machine {
  return {
    cpus: cpus().length,
    model: cpus()[0]?.model ?? 'unknown',
    memoryBytes: totalmem(),
    node: process.version,
    platform: process.platform,
    loadAverage: loadavg()[0] ?? 0,
  };
}

/** Of the source tree that this program is of; null where it was installed without one. */
export function sourceCommit(): string | null {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      cwd: dirname(fileURLToPath(import.meta.url)),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    // No git, or no repository: an installed program has none.
    return null;
  }
}

export interface NodeUsage {
  readonly pid: number;
  /** User and system together, since its start. */
  readonly cpuSeconds: number;
  readonly peakRssBytes: number;
}

/** Clock ticks, in which Linux counts. */
const ticksPerSecond = 100;

/** Of a process of this machine, from Linux's /proc. */
export function nodeUsage(pid: number): NodeUsage {
  try {
    // The name, in brackets, may hold blanks: fields are counted from behind it.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    const peak = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return {
      pid,
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
      peakRssBytes: Number(peak?.[1] ?? 0) * 1024,
    };
  } catch (error) {
    throw new MillraceError(
      'INVALID_REQUEST',
      `--watch-pid ${pid}: no such process on this machine, or no /proc to see it in (${errorMessage(error)})`,
      { cause: error },
    );
  }
}
