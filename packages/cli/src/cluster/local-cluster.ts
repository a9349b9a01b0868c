/**
 * A cluster of real processes on this machine, for development. Node `i`, counted from 0, has the id `i + 1`, keeps its data
 * in `DIR/node-<id>`, and listens from `basePort + 10 * i` on: for clients, other nodes, HTTP.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { printJson, printLine, printNote } from '../output/print.js';
import { howItEnded, NodeChild } from './node-child.js';

export interface LocalClusterOptions {
  readonly nodes: number;
  readonly data: string;
  readonly basePort: number;
  readonly settings: readonly string[];
  readonly logLevel: string;
}

export const portsPerNode = 10;
const host = '127.0.0.1';
/** A node that does not stop in this time will not. */
const stopMs = 30_000;

/** Runs until it is told to stop, or no node is left. Returns the exit code. */
export async function runLocalCluster(options: LocalClusterOptions, stopped: AbortSignal): Promise<number> {
  const program = process.argv[1] ?? '';
  const nodes = Array.from({ length: options.nodes }, (_, index) => {
    mkdirSync(dataDirOf(options, index), { recursive: true });
    return new NodeChild({ nodeId: index + 1, program, args: nodeArguments(options, index) });
  });
  // However this process ends, no node outlives it unseen.
  const killAll = (): void => {
    for (const node of nodes) node.kill('SIGKILL');
  };
  process.once('exit', killAll);
  const aborted = new Promise<'stopped'>((resolve) => {
    if (stopped.aborted) resolve('stopped');
    stopped.addEventListener('abort', () => resolve('stopped'), { once: true });
  });
  try {
    const serving = serve(nodes, options);
    // When it is told to stop, nobody waits for the nodes to be ready any more.
    serving.catch(() => undefined);
    const outcome = await Promise.race([serving, aborted]);
    if (outcome === 'stopped') return 0;
    return (await Promise.race([aborted, everyEnd(nodes)])) === 'stopped' ? 0 : 1;
  } finally {
    await stopAll(nodes);
    process.off('exit', killAll);
  }
}

async function serve(nodes: readonly NodeChild[], options: LocalClusterOptions): Promise<void> {
  await Promise.all(
    nodes.map(async (node) => {
      printLine(await node.ready);
    }),
  );
  printJson({
    event: 'cluster-ready',
    bootstrap: nodes.map((_, index) => `${host}:${portOf(options, index)}`).join(','),
  });
  for (const node of nodes)
    void node.ended.then((end) => {
      if (isStopping.has(node)) return;
      printJson({ event: 'node-ended', ...end });
      printNote(`node ${end.nodeId} ended ${howItEnded(end)}; the others go on`);
    });
}

async function everyEnd(nodes: readonly NodeChild[]): Promise<'all ended'> {
  await Promise.all(nodes.map((node) => node.ended));
  printNote('no node is left');
  return 'all ended';
}

/** Nodes whose end is wanted. */
const isStopping = new WeakSet<NodeChild>();

async function stopAll(nodes: readonly NodeChild[]): Promise<void> {
  for (const node of nodes) {
    isStopping.add(node);
    node.kill('SIGTERM');
  }
  const late = setTimeout(() => {
    for (const node of nodes) node.kill('SIGKILL');
  }, stopMs);
  await Promise.all(nodes.map((node) => node.ended));
  clearTimeout(late);
}

function nodeArguments(options: LocalClusterOptions, index: number): string[] {
  const port = portOf(options, index);
  const voters = Array.from(
    { length: options.nodes },
    (_, other) => `${other + 1}@${host}:${portOf(options, other) + 1}`,
  );
  return [
    ...['--node-id', String(index + 1)],
    ...['--data', dataDirOf(options, index)],
    ...['--client', `${host}:${port}`],
    ...['--internal', `${host}:${port + 1}`],
    ...['--http', `${host}:${port + 2}`],
    ...['--voters', voters.join(',')],
    ...['--log-level', options.logLevel],
    // All of them stop together: there is nobody to hand leaderships over to.
    ...['--set', 'controlled.shutdown.timeout.ms=2000'],
    ...options.settings.flatMap((setting) => ['--set', setting]),
  ];
}

function dataDirOf({ data }: LocalClusterOptions, index: number): string {
  return join(data, `node-${index + 1}`);
}

function portOf({ basePort }: LocalClusterOptions, index: number): number {
  return basePort + portsPerNode * index;
}
