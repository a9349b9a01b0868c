/**
 * Controllers of several nodes on virtual time and disks. Messages pass through their wire form, and are late, lost where a
 * link is cut, and reordered.
 */
import { type Environment, parseSettings } from '@millrace/base';
import {
  Controller,
  controllerSettings,
  decodeRaftMessage,
  encodeRaftMessage,
  metadataTopic,
  type NodePresence,
} from '@millrace/controller';
import { raftMessageApi } from '@millrace/protocol';
import type { RaftMessage, RaftTransport } from '@millrace/raft';
import { LogDirectory } from '@millrace/storage';
import { Simulation } from '@millrace/testkit';

export interface ClusterOptions {
  readonly seed?: number;
  readonly settings?: Readonly<Record<string, string>>;
  readonly snapshotEveryRecords?: number;
  /** What connections tell of other nodes; left out: nothing. */
  readonly presence?: NodePresence;
  /** Left out: nodes 1 to 3. */
  readonly voterIds?: readonly number[];
}

export interface ClusterNode {
  readonly nodeId: number;
  readonly controller: Controller;
  readonly directoryId: string;
  readonly failures: unknown[];
  close(): Promise<void>;
}

export class QuorumCluster {
  readonly simulation: Simulation;
  readonly nodes = new Map<number, ClusterNode>();
  readonly #options: ClusterOptions;
  readonly #transports = new Map<number, RaftTransport>();
  readonly #cut = new Set<string>();
  readonly #started = new Set<number>();

  constructor(options: ClusterOptions = {}) {
    this.#options = options;
    this.simulation = new Simulation({ seed: options.seed ?? 1, recordDisks: false });
  }

  get voterIds(): readonly number[] {
    return this.#options.voterIds ?? [1, 2, 3];
  }

  async start(...nodeIds: readonly number[]): Promise<void> {
    for (const nodeId of nodeIds) await this.simulation.complete(this.#open(nodeId));
  }

  /** All of the configured voters, until one leads and is ready to decide. */
  async startAll(): Promise<ClusterNode> {
    await this.start(...this.voterIds);
    return this.active();
  }

  async active(timeoutMs = 60_000): Promise<ClusterNode> {
    const find = (): ClusterNode | undefined => [...this.nodes.values()].find(({ controller }) => controller.isActive);
    await this.simulation.runUntil(() => find() !== undefined, timeoutMs);
    const found = find();
    if (found === undefined) throw new Error('a node is active');
    return found;
  }

  node(nodeId: number): ClusterNode {
    const node = this.nodes.get(nodeId);
    if (node === undefined) throw new Error(`node ${nodeId} runs`);
    return node;
  }

  others(nodeId: number): ClusterNode[] {
    return [...this.nodes.values()].filter((node) => node.nodeId !== nodeId);
  }

  /** Power is lost: what was not synced may be gone. */
  crash(nodeId: number): void {
    this.simulation.crash(`node${nodeId}`, 'random');
    this.nodes.delete(nodeId);
    this.#transports.delete(nodeId);
  }

  /** Starts again with nothing on its disk. */
  wipe(nodeId: number): void {
    const files = this.simulation.disk(`node${nodeId}`).files();
    for (const name of files.list('/data')) {
      const path = `/data/${name}`;
      if (files.stat(path)?.isDirectory === true) files.removeDirectory(path);
      else files.removeFile(path);
    }
  }

  isolate(nodeId: number): void {
    for (const other of this.nodes.keys()) {
      if (other === nodeId) continue;
      this.#cut.add(`${other}-${nodeId}`).add(`${nodeId}-${other}`);
    }
  }

  heal(): void {
    this.#cut.clear();
  }

  /** Until all running nodes have the same image. */
  async settle(): Promise<void> {
    const active = await this.active();
    const position = active.controller.image.position;
    await this.simulation.runUntil(
      () => [...this.nodes.values()].every(({ controller }) => controller.image.position >= position),
      60_000,
    );
  }

  async #open(nodeId: number): Promise<void> {
    const name = `node${nodeId}`;
    const environment = this.#started.has(nodeId) ? this.simulation.restart(name) : this.simulation.environment(name);
    this.#started.add(nodeId);
    const { settings, snapshotEveryRecords = 1000 } = this.#options;
    const directory = await LogDirectory.open(environment, { path: '/data', nodeId, lowSpaceBytes: 0 });
    const { name: topic, partition, topicId, config } = metadataTopic;
    const log = await directory.createLog({ topic, partition, topicId, config });
    const failures: unknown[] = [];
    const controller = await Controller.open(environment, {
      log,
      nodeId,
      settings: parseSettings(controllerSettings, settings ?? {}),
      nodeDefaults: {},
      snapshotEveryRecords,
      onFailed: (error) => failures.push(error),
      quorum: {
        directoryId: directory.directoryId,
        transport: this.#transport(nodeId, environment),
        ...(this.#options.presence === undefined ? {} : { presence: this.#options.presence }),
        voters: this.voterIds.map((id) => ({ id, host: `node${id}`, port: 7401 })),
      },
    });
    this.nodes.set(nodeId, {
      nodeId,
      controller,
      directoryId: directory.directoryId,
      failures,
      close: async () => {
        await controller.close();
        await directory.close();
        this.nodes.delete(nodeId);
        this.#transports.delete(nodeId);
      },
    });
  }

  #transport(nodeId: number, environment: Environment): RaftTransport {
    const delays = environment.random.stream('raft messages');
    const transport: RaftTransport = {
      onMessage: undefined,
      send: (to: number, message: RaftMessage) => {
        const { body, payload } = encodeRaftMessage(message);
        const bytes = Buffer.concat(payload);
        this.simulation.after(1 + 4 * delays.fraction(), () => {
          if (this.#cut.has(`${nodeId}-${to}`)) return;
          this.#transports.get(to)?.onMessage?.(decodeRaftMessage(raftMessageApi.request.parse(body), bytes));
        });
      },
    };
    this.#transports.set(nodeId, transport);
    return transport;
  }
}

export function registration(nodeId: number, change: { incarnationId?: string; directoryId?: string } = {}) {
  return {
    nodeId,
    incarnationId: `incarnation ${nodeId}`,
    directoryId: `directory ${nodeId}`,
    cleanStopEpoch: -1,
    roles: ['broker' as const],
    rack: null,
    hostLabel: null,
    host: 'localhost',
    port: 7400 + nodeId,
    ...change,
  };
}

export function creation(name: string, replicationFactor = 1, partitions = 1) {
  return { topics: [{ name, partitions, replicationFactor, configs: [] }], timeoutMs: 10_000, validateOnly: false };
}

/** Registers the brokers of all nodes with the active controller, and activates them. */
export async function startBrokers(cluster: QuorumCluster, controller: Controller): Promise<void> {
  for (const node of cluster.nodes.values()) {
    const { nodeId, directoryId } = node;
    const source = node.controller === controller ? 'local' : 'remote';
    const { brokerEpoch } = await controller.registerBroker(registration(nodeId, { directoryId }), source);
    const { metadataOffset } = controller;
    await controller.heartbeat({ nodeId, brokerEpoch, metadataOffset, wantFence: false, wantShutdown: false });
  }
}
