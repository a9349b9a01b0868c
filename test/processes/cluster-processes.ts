/** Three real nodes for tests: started one by one, killed, paused and restarted by the pids we started. */
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Admin } from '@millrace/admin';
import { type NodeProcess, startNode } from './node-process.js';

export const nodeIds = [1, 2, 3] as const;

export class ClusterProcesses {
  readonly #directory: string;
  readonly #ports: readonly number[];
  readonly #settings: readonly string[];
  readonly #running = new Map<number, NodeProcess>();
  readonly #logs: string[] = [];

  private constructor(directory: string, ports: readonly number[], settings: readonly string[]) {
    this.#directory = directory;
    this.#ports = ports;
    this.#settings = settings;
  }

  static async start(directory: string, settings: readonly string[] = []): Promise<ClusterProcesses> {
    const cluster = new ClusterProcesses(directory, await freePorts(2 * nodeIds.length), settings);
    await Promise.all(nodeIds.map((nodeId) => cluster.startNode(nodeId)));
    return cluster;
  }

  get bootstrap(): string {
    return nodeIds.map((nodeId) => this.#clientOf(nodeId)).join(',');
  }

  /** What nodes that have ended logged, for failures. */
  get logs(): string {
    const running = [...this.#running].map(([nodeId, node]) => `--- node ${nodeId}\n${node.log()}`);
    return [...this.#logs, ...running].join('\n');
  }

  /** Arguments of `millrace server`; later ones win. */
  argumentsOf(nodeId: number): string[] {
    const voters = nodeIds.map((id) => `${id}@${this.#internalOf(id)}`).join(',');
    return [
      ...['--data', join(this.#directory, `node-${nodeId}`), '--node-id', String(nodeId), '--voters', voters],
      ...['--client', this.#clientOf(nodeId), '--internal', this.#internalOf(nodeId), '--http', '127.0.0.1:0'],
      ...['--log-level', 'warn', ...this.#settings.flatMap((setting) => ['--set', setting])],
    ];
  }

  async startNode(nodeId: number): Promise<NodeProcess> {
    const node = await startNode(this.argumentsOf(nodeId));
    this.#running.set(nodeId, node);
    return node;
  }

  node(nodeId: number): NodeProcess {
    const node = this.#running.get(nodeId);
    if (node === undefined) throw new Error(`node ${nodeId} does not run`);
    return node;
  }

  /** Resolves with the exit code, null when the signal ended it. */
  async end(nodeId: number, signal: NodeJS.Signals): Promise<number | null> {
    const node = this.node(nodeId);
    this.#running.delete(nodeId);
    const code = await node.end(signal);
    this.#logs.push(`--- node ${nodeId}, ended by ${signal}\n${node.log()}`);
    return code;
  }

  pause(nodeId: number): void {
    this.node(nodeId).child.kill('SIGSTOP');
  }

  resume(nodeId: number): void {
    this.node(nodeId).child.kill('SIGCONT');
  }

  /** Until the nodes are all active and every partition of the topic has all its replicas in sync. */
  async whole(admin: Admin, topic: string, giveUpMs = 60_000): Promise<void> {
    for (const deadlineMs = performance.now() + giveUpMs; ; await pause(100)) {
      const { nodes } = await admin.describeCluster();
      const { partitions } = await admin.describeTopic(topic);
      const isWhole =
        nodes.every(({ state }) => state === 'active') &&
        partitions.every(({ isr, replicas }) => isr.length === replicas.length);
      if (isWhole) return;
      if (performance.now() > deadlineMs)
        throw new Error(`not whole after ${giveUpMs} ms: ${JSON.stringify({ nodes, partitions })}\n${this.logs}`);
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#running.keys()].map((nodeId) => this.end(nodeId, 'SIGTERM')));
  }

  #clientOf(nodeId: number): string {
    return `127.0.0.1:${this.#ports[2 * nodeId - 2] ?? 0}`;
  }

  #internalOf(nodeId: number): string {
    return `127.0.0.1:${this.#ports[2 * nodeId - 1] ?? 0}`;
  }
}

/** Ports that were free a moment ago, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => {
    const address = server.address();
    return address !== null && typeof address === 'object' ? address.port : 0;
  });
  await Promise.all(
    servers.map(async (server) => {
      server.close();
      await once(server, 'close');
    }),
  );
  return ports;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
