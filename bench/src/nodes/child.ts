/** Child processes of a benchmark: started, listened to by line, and ended by the pid we started. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const millrace = fileURLToPath(new URL('../../../packages/cli/bin/millrace.js', import.meta.url));
export const benchScript = (name: string): string => fileURLToPath(new URL(`../${name}.js`, import.meta.url));

const stopWaitMs = 20_000;

/** Of this process, which takes them along when it ends, however it ends. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

function noteRunning(child: ChildProcess): void {
  running.add(child);
  child.once('exit', () => running.delete(child));
}

export interface RunningChild {
  readonly process: ChildProcess;
  /** The first line it printed. */
  readonly firstLine: string;
  /** Milliseconds from spawn to the first line. */
  readonly firstLineMs: number;
  /** SIGTERM, then waits for the end. */
  stop(): Promise<void>;
  /** SIGKILL, as a crash of the process. */
  kill(): Promise<void>;
}

/** Starts a long-lived child and waits for its first line. */
export async function startChild(
  script: string,
  args: readonly string[],
  execArgv: readonly string[] = [],
): Promise<RunningChild> {
  const startedMs = performance.now();
  const child = spawn(process.execPath, [...execArgv, script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  noteRunning(child);
  const ended = once(child, 'exit');
  const lines = createInterface({ input: child.stdout });
  const firstLine = await Promise.race([
    once(lines, 'line').then(([line]) => line as string),
    ended.then(([code]) => Promise.reject(new Error(`${script} ended with code ${String(code)} before it was ready`))),
  ]);
  const firstLineMs = performance.now() - startedMs;
  return {
    process: child,
    firstLine,
    firstLineMs,
    stop: async () => {
      const hard = setTimeout(() => child.kill('SIGKILL'), stopWaitMs);
      child.kill('SIGTERM');
      await ended;
      clearTimeout(hard);
    },
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** Runs a child to its end and parses the last line it printed as JSON. */
export async function runChild<Result>(script: string, args: readonly string[]): Promise<Result> {
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  noteRunning(child);
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${script} ${args.join(' ')} ended with code ${String(code)}: ${errors}`);
  return JSON.parse(output.trimEnd().split('\n').at(-1) ?? '') as Result;
}
