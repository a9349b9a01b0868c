/** Three real nodes for tests: started one by one, killed, paused and restarted by the pids we started. */
import type { Admin } from '@millrace/admin';
import { type NodeProcess, spawnNode, startNode } from './node-process.js';
import { pause, until } from './pause.js';
import { type ClusterPlace, loopbackPlace } from './rig/cluster-place.js';

export const nodeIds = [1, 2, 3] as const;

export class ClusterProcesses {
  readonly place: ClusterPlace;
  readonly #settings: readonly string[];
  readonly #running = new Map<number, NodeProcess>();
  readonly #logs: string[] = [];

  private constructor(place: ClusterPlace, settings: readonly string[]) {
    this.place = place;
    this.#settings = settings;
  }

  /** Under the directory on loopback, or at a place that the test has prepared. */
  static async start(where: string | ClusterPlace, settings: readonly string[] = []): Promise<ClusterProcesses> {
    const place = typeof where === 'string' ? await loopbackPlace(where, nodeIds) : where;
    const cluster = new ClusterProcesses(place, settings);
    try {
      await cluster.startAll();
    } catch (error) {
      await cluster.stop('SIGKILL');
      throw error;
    }
    return cluster;
  }

  get bootstrap(): string {
    const { place } = this;
    return nodeIds.map((nodeId) => place.advertisedClient?.(nodeId) ?? place.client(nodeId)).join(',');
  }

  /** What nodes that have ended logged, for failures. */
  get logs(): string {
    const running = [...this.#running].map(([nodeId, node]) => `--- node ${nodeId}\n${node.log()}`);
    return [...this.#logs, ...running].join('\n');
  }

  /** Arguments of `millrace server`; later ones win. */
  argumentsOf(nodeId: number): string[] {
    const { place } = this;
    const client = place.advertisedClient?.(nodeId);
    const internal = place.internalSeenFrom(nodeId, nodeId);
    const settings = [
      ...(client === undefined ? [] : [`advertised.client=${client}`]),
      ...(internal === place.internal(nodeId) ? [] : [`advertised.internal=${internal}`]),
      ...this.#settings,
    ];
    const voters = nodeIds.map((id) => `${id}@${place.internalSeenFrom(nodeId, id)}`).join(',');
    return [
      ...['--data', place.dataDir(nodeId), '--node-id', String(nodeId), '--voters', voters],
      ...['--client', place.client(nodeId), '--internal', place.internal(nodeId), '--http', place.http(nodeId)],
      ...['--log-level', 'warn', ...settings.flatMap((setting) => ['--set', setting])],
    ];
  }

  isRunning(nodeId: number): boolean {
    return this.#running.has(nodeId);
  }

  async startNode(nodeId: number, args: readonly string[] = []): Promise<NodeProcess> {
    const node = await startNode([...this.argumentsOf(nodeId), ...args], this.place.prefix(nodeId));
    this.#running.set(nodeId, node);
    return node;
  }

  /** Starts a node that does not run, and kills it after a while, ready or not. */
  async startAndKill(nodeId: number, afterMs: number): Promise<void> {
    const child = spawnNode(this.argumentsOf(nodeId), this.place.prefix(nodeId));
    await pause(afterMs);
    await child.end('SIGKILL');
  }

  /** Those that do not run. */
  async startAll(): Promise<void> {
    const missing = nodeIds.filter((nodeId) => !this.#running.has(nodeId));
    const started = await Promise.allSettled(missing.map((nodeId) => this.startNode(nodeId)));
    for (const result of started) if (result.status === 'rejected') throw result.reason;
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
    let seen = '';
    const isWhole = async (): Promise<boolean> => {
      const { nodes } = await admin.describeCluster();
      const { partitions } = await admin.describeTopic(topic);
      seen = JSON.stringify({ nodes, partitions });
      return (
        nodes.every(({ state }) => state === 'active') &&
        partitions.every(({ isr, replicas }) => isr.length === replicas.length)
      );
    };
    await until(isWhole, { giveUpMs, evidence: () => `${seen}\n${this.logs}` });
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    for (const nodeId of this.#running.keys()) this.resume(nodeId);
    await Promise.all([...this.#running.keys()].map((nodeId) => this.end(nodeId, signal)));
  }
}
