/** `millrace cluster start` and the commands for clusters, run as a person or a script would. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Producer } from 'millrace';
import { expect, test } from 'vitest';
import { environment, runMillrace, temporaryDirectory } from './node-process.js';
import { pause } from './pause.js';
import { freePorts } from './rig/free-ports.js';

const program = fileURLToPath(new URL('../../packages/cli/bin/millrace.js', import.meta.url));

interface Event {
  readonly event: string;
  readonly nodeId: number;
  readonly pid: number;
  readonly bootstrap: string;
  readonly signal: string;
}

/** A line of `reassign --watch`. */
interface MoveEvent {
  readonly event: string;
  readonly partitions: readonly {
    readonly copies: readonly { readonly nodeId: number; readonly copiedBytes: number; readonly totalBytes: number }[];
  }[];
}

/** Everything that it says, as it says it. */
class StartedCluster {
  readonly child: ChildProcess;
  readonly events: Event[] = [];
  log = '';

  constructor(args: readonly string[]) {
    this.child = spawn(process.execPath, [program, ...args], {
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const { stdout, stderr } = this.child;
    if (stdout === null || stderr === null) throw new Error('the output is piped');
    createInterface({ input: stdout }).on('line', (line) => this.events.push(JSON.parse(line) as Event));
    stderr.setEncoding('utf8').on('data', (text: string) => (this.log += text));
  }

  async until(event: string): Promise<Event> {
    for (const giveUpMs = performance.now() + 60_000; ; await pause(20)) {
      const found = this.events.find((one) => one.event === event);
      if (found !== undefined) return found;
      if (performance.now() > giveUpMs || this.child.exitCode !== null)
        throw new Error(`no ${event}: ${JSON.stringify(this.events)}\n${this.log}`);
    }
  }

  async end(signal: NodeJS.Signals): Promise<number | null> {
    const ended = once(this.child, 'close') as Promise<[number | null]>;
    this.child.kill(signal);
    return (await ended)[0];
  }
}

/** Ten ports for each of three nodes, of which the first is free. */
async function freeBasePort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
}

async function fill(bootstrap: string, topic: string, bytes: number): Promise<void> {
  await using producer = new Producer({ bootstrap });
  const value = Buffer.alloc(16 * 1024, 'x');
  await producer.sendBatch({ topic, records: Array.from({ length: bytes / value.length }, () => ({ value })) });
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('cluster start: one line for each node, then one for the cluster; a death is reported; the end takes all along', async () => {
  using directory = temporaryDirectory();
  const args = ['cluster', 'start', '--nodes', '3', '--data', directory.path, '--base-port'];
  const basePort = await freeBasePort();
  const cluster = new StartedCluster([...args, String(basePort), '--set', 'broker.session.timeout.ms=2000']);
  const { bootstrap } = await cluster.until('cluster-ready');
  const nodes = cluster.events.filter(({ event }) => event === 'ready');
  expect(nodes.map(({ nodeId }) => nodeId).sort()).toEqual([1, 2, 3]);
  expect(bootstrap).toBe([0, 10, 20].map((step) => `127.0.0.1:${basePort + step}`).join(','));

  const run = async (...command: string[]): Promise<unknown> => {
    const { code, stdout, stderr } = await runMillrace([...command, '--bootstrap', bootstrap, '--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return JSON.parse(stdout);
  };
  const active = { roles: ['controller', 'broker'], state: 'active' };
  expect(await run('cluster', 'describe')).toMatchObject({ nodes: [1, 2, 3].map((nodeId) => ({ nodeId, ...active })) });
  await run('topic', 'create', 'orders', '--partitions', '1', '--replication-factor', '2');
  const described = (await run('topic', 'describe', 'orders')) as { partitions: { replicas: number[] }[] };
  expect(described.partitions).toMatchObject([{ elr: [], logStartOffset: 0, highWatermark: 0 }]);
  const before = described.partitions[0]?.replicas ?? [];
  const other = [1, 2, 3].find((nodeId) => !before.includes(nodeId)) ?? 0;
  const after = [other, before[0] ?? 0];

  const move = { topic: 'orders', partition: 0, before, replicas: after };
  const reassign = ['reassign', 'orders', '--replicas', `0=${after.join(',')}`];
  expect(await run(...reassign, '--dry-run')).toEqual([move]);
  await fill(bootstrap, 'orders', 3 * 1024 * 1024);
  const watched = await runMillrace([
    ...reassign,
    '--throttle',
    '1000000',
    '--watch',
    '--bootstrap',
    bootstrap,
    '--json',
  ]);
  expect(watched).toMatchObject({ code: 0, stderr: '' });
  const [started, ...progress] = watched.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as MoveEvent);
  expect(started).toEqual({ event: 'started', ...move, error: null, message: null });
  expect(progress.at(-1)).toEqual({ event: 'done', topic: 'orders', partitions: [] });
  const copies = progress.flatMap(({ partitions }) => partitions).flatMap((partition) => partition.copies);
  expect(copies.every(({ nodeId, copiedBytes, totalBytes }) => nodeId === other && copiedBytes <= totalBytes)).toBe(
    true,
  );
  expect(copies.some(({ copiedBytes, totalBytes }) => copiedBytes > 0 && copiedBytes < totalBytes)).toBe(true);
  const moved = (await run('topic', 'describe', 'orders')) as { partitions: { isr: number[] }[] };
  expect([...(moved.partitions[0]?.isr ?? [])].sort()).toEqual([...after].sort());
  expect(await run('leader', 'elect', 'orders', '--preferred')).toMatchObject([{ topic: 'orders', leader: other }]);

  process.kill(nodes[0]?.pid ?? 0, 'SIGKILL');
  expect(await cluster.until('node-ended')).toMatchObject({ nodeId: nodes[0]?.nodeId, signal: 'SIGKILL' });
  expect(await cluster.end('SIGTERM')).toBe(0);
  expect(nodes.filter(({ pid }) => isAlive(pid))).toEqual([]);
});

test('a node that cannot start ends the whole start, with its reason', async () => {
  using directory = temporaryDirectory();
  const args = ['cluster', 'start', '--nodes', '2', '--data', directory.path, '--base-port'];
  const { code, stderr } = await runMillrace([...args, String(await freeBasePort()), '--set', 'retention.ms=soon']);
  expect(code).toBe(1);
  expect(stderr).toContain('INVALID_CONFIG');
  expect(stderr).toContain('retention.ms');
});

test('a node that waits for the others stops when it is told to', async () => {
  using directory = temporaryDirectory();
  const [client, internal, another] = await freePorts(3);
  const place = ['--client', `127.0.0.1:${client}`, '--internal', `127.0.0.1:${internal}`, '--http', '127.0.0.1:0'];
  const voters = `1@127.0.0.1:${internal},2@127.0.0.1:${another}`;
  const node = new StartedCluster(['server', '--data', directory.path, '--voters', voters, ...place]);
  for (const giveUpMs = performance.now() + 30_000; !node.log.includes('Waiting for'); await pause(20))
    if (performance.now() > giveUpMs) throw new Error(node.log);
  expect(await node.end('SIGTERM')).toBe(0);
  expect(node.events).toEqual([]);
});

test.each([
  [['cluster', 'start', '--nodes', '0'], '--nodes'],
  [['cluster', 'start', '--base-port', '65530'], 'leaves no ports'],
  [['cluster', 'start', '--set', 'retention.ms'], 'key=value'],
  [['leader', 'elect', 'orders'], 'either --preferred or --unclean'],
  [['leader', 'elect', 'orders', '--preferred', '--unclean'], 'either --preferred or --unclean'],
  [['leader', 'elect', 'orders', '--unclean'], '--yes'],
  [['leader', 'elect', 'orders:x', '--preferred'], 'TOPIC:PARTITION'],
  [['reassign', 'orders'], 'either --replicas or --plan'],
  [['reassign', 'orders', '--replicas', '0=1', '--plan', 'balance'], 'either --replicas or --plan'],
  [['reassign', 'orders', '--replicas', '0=1,1'], 'twice'],
  [['reassign', 'orders', '--plan', 'chaos'], 'balance'],
])('%j is bad usage', async (args, reason) => {
  const { code, stdout, stderr } = await runMillrace(args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain(reason);
});
