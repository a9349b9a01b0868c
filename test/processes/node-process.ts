/** Real nodes for tests: the built program as a child process, its output, and its end by the pid we started. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const program = fileURLToPath(new URL('../../packages/cli/bin/millrace.js', import.meta.url));

/** Variables that steer these tests are not settings of a node, which refuses what it does not know. */
export const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith('MILLRACE_')),
);

/** No claim about speed: long enough for a machine that has much else to do. */
const readyWaitMs = 120_000;
/** Long enough for a command to load and to wait for its node, also on a busy machine. */
const commandStartMs = 2500;

export interface Ready {
  readonly event: 'ready';
  readonly nodeId: number;
  readonly clusterId: string;
  readonly client: string;
  readonly http: string;
  readonly pid: number;
}

/** A running `millrace server`. */
export interface NodeProcess {
  readonly ready: Ready;
  readonly child: ChildProcess;
  /** What it logged so far. */
  log(): string;
  /** Sends a signal and resolves with the exit code, or null when the signal ended it. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

export interface SpawnedNode extends Omit<NodeProcess, 'ready'> {
  /** Its ready line; rejects when it ends before, or takes too long. */
  ready(): Promise<Ready>;
}

/** `prefix` goes before the command, and must end by becoming it: the pid is the node's. */
export function spawnNode(args: readonly string[], prefix: readonly string[] = []): SpawnedNode {
  const [command = '', ...rest] = [...prefix, process.execPath, program, 'server', ...args];
  const child = spawn(command, rest, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  const ended = once(child, 'close') as Promise<[number | null]>;
  const lines = createInterface({ input: child.stdout });
  return {
    child,
    log: () => log,
    end: async (signal) => {
      child.kill(signal);
      const [code] = await ended;
      return code;
    },
    ready: async () => {
      const [line] = (await Promise.race([
        once(lines, 'line', { signal: AbortSignal.timeout(readyWaitMs) }),
        ended.then(([code]) => Promise.reject(new Error(`the server ended with code ${String(code)}: ${log}`))),
      ])) as [string];
      return JSON.parse(line) as Ready;
    },
  };
}

export async function startNode(args: readonly string[], prefix: readonly string[] = []): Promise<NodeProcess> {
  const node = spawnNode(args, prefix);
  try {
    return { ...node, ready: await node.ready() };
  } catch (error) {
    await node.end('SIGKILL');
    const isLate = error instanceof Error && error.name === 'AbortError';
    throw isLate
      ? new Error(`the server was not ready after ${readyWaitMs} ms: ${node.log()}`, { cause: error })
      : error;
  }
}

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `millrace ...args` to its end with `input` on standard input. */
export async function runMillrace(args: readonly string[], input: string | Buffer = ''): Promise<Finished> {
  const { child, finished } = spawnMillrace(args);
  child.stdin.end(input);
  return finished;
}

/** Runs `millrace ...args`, whose standard input never ends, and sends it a signal once it waits for its node. */
export async function interruptMillrace(args: readonly string[], signal: NodeJS.Signals): Promise<Finished> {
  const { child, finished } = spawnMillrace(args);
  await new Promise((resolve) => setTimeout(resolve, commandStartMs));
  child.kill(signal);
  return finished;
}

function spawnMillrace(args: readonly string[]) {
  const child = spawn(process.execPath, [program, ...args], { env: environment, stdio: ['pipe', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  // A command that fails before it has read its input closes the pipe: the exit code tells.
  child.stdin.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  const finished = (once(child, 'close') as Promise<[number | null]>).then(([code]): Finished => ({
    code,
    stdout,
    stderr,
  }));
  return { child, finished };
}

/** A directory that is gone after the test. */
export function temporaryDirectory(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'millrace-test-'));
  return {
    path,
    [Symbol.dispose]: () => {
      rmSync(path, { recursive: true, force: true });
    },
  };
}
