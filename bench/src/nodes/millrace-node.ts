/** A node of the built program, on a directory of its own and ports that are free. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { millrace, runChild, type RunningChild, startChild } from './child.js';
import type { ProcessSpan } from './process-span.js';
import { type ProcessUsage, processUsage } from './process-usage.js';

export interface MillraceNode extends AsyncDisposable {
  readonly bootstrap: string;
  readonly http: string;
  readonly pid: number;
  readonly dataDir: string;
  /** From the start of the process to its ready line. */
  readonly readyMs: number;
  rssBytes(): number;
  usage(): ProcessUsage;
  kill(): Promise<void>;
}

export interface NodeOptions {
  /** Kept when the node stops, so that it can be started again. A directory of its own when absent. */
  readonly dataDir?: string;
  /** Each `key=value`. */
  readonly settings?: readonly string[];
  /** For Node.js itself. */
  readonly execArgv?: readonly string[];
}

export function temporaryDataDir(): string {
  return mkdtempSync(join(tmpdir(), 'millrace-bench-'));
}

export function removeDataDir(path: string): void {
  rmSync(path, { recursive: true, force: true });
}

export async function startMillrace(options: NodeOptions = {}): Promise<MillraceNode> {
  const dataDir = options.dataDir ?? temporaryDataDir();
  const free = '127.0.0.1:0';
  const child: RunningChild = await startChild(
    millrace,
    [
      ...['server', '--data', dataDir, '--client', free, '--internal', free, '--http', free, '--log-level', 'error'],
      ...(options.settings ?? []).flatMap((setting) => ['--set', setting]),
    ],
    options.execArgv,
  );
  const { client, http } = JSON.parse(child.firstLine) as { client: string; http: string };
  const pid = child.process.pid ?? -1;
  let stopped = false;
  return {
    bootstrap: client,
    http,
    pid,
    dataDir,
    readyMs: child.firstLineMs,
    rssBytes: () => Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) * 1024,
    usage: () => processUsage(pid),
    kill: async () => {
      stopped = true;
      await child.kill();
    },
    [Symbol.asyncDispose]: async () => {
      if (!stopped) await child.stop();
      if (options.dataDir === undefined) removeDataDir(dataDir);
    },
  };
}

export interface LoadFigures extends ProcessSpan {
  readonly records: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly recordsPerSecond: number;
  readonly mbPerSecond: number;
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly p999: number; readonly max: number };
}

/** One load of `millrace perf` in a process of its own. */
export function perf(
  kind: 'produce' | 'consume' | 'latency',
  bootstrap: string,
  options: Readonly<Record<string, string | number>>,
): Promise<LoadFigures> {
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  return runChild<LoadFigures>(millrace, ['perf', kind, '--bootstrap', bootstrap, '--json', ...flags]);
}
