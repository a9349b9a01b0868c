/**
 * What is done to a cluster under load, one at a time. Each fault is over, healed, when its promise resolves; where a
 * majority is left meanwhile, it has seen that records were acknowledged beyond those that were on their way.
 */
import type { Admin } from '@millrace/admin';
import { type ClusterProcesses, nodeIds } from '../cluster-processes.js';
import type { RecordedLoad } from '../history/recorded-load.js';
import { pause } from '../pause.js';
import { type ClusterNetwork, cutBothWays } from './cluster-network.js';
import { host } from './host.js';

export interface FaultContext {
  readonly cluster: ClusterProcesses;
  readonly admin: Admin;
  readonly load: RecordedLoad;
  readonly topic: string;
  readonly sessionTimeoutMs: number;
  /** From 0 to 1, from the seed of the run. */
  readonly draw: () => number;
}

export interface NetworkFaultContext extends FaultContext {
  readonly network: ClusterNetwork;
}

export interface Fault<Context> {
  readonly name: string;
  /** Resolves with the victims, for the story. */
  readonly strike: (context: Context) => Promise<string>;
}

export const processFaults: readonly Fault<FaultContext>[] = [
  { name: 'kill the leader of a partition', strike: async (context) => kill(context, await leader(context)) },
  { name: 'kill the active controller', strike: async (context) => kill(context, await controller(context)) },
  { name: 'kill a node, and again while it recovers', strike: (context) => killInALoop(context, anyNode(context)) },
  { name: 'pause the leader of a partition', strike: async (context) => pauseLong(context, await leader(context)) },
  { name: 'pause the active controller', strike: async (context) => pauseLong(context, await controller(context)) },
  { name: 'kill two nodes at once', strike: (context) => killMany(context, othersThan(anyNode(context))) },
  { name: 'kill all nodes at once', strike: (context) => killMany(context, nodeIds) },
  { name: 'restart a node in order', strike: (context) => restart(context, anyNode(context)) },
];

export const networkFaults: readonly Fault<NetworkFaultContext>[] = [
  {
    name: 'cut a leader off from its peers, not from clients',
    strike: async (context) =>
      cut(context, await leader(context), (network, node, others) => {
        for (const other of others) cutBothWays(network, node, other);
      }),
  },
  {
    name: 'nothing that a leader sends reaches its peers',
    strike: async (context) =>
      cut(context, await leader(context), (network, node, others) => {
        for (const other of others) network.cut(node, other);
      }),
  },
  {
    name: 'nothing that its peers send reaches the active controller',
    strike: async (context) =>
      cut(context, await controller(context), (network, node, others) => {
        for (const other of others) network.cut(other, node);
      }),
  },
  {
    name: 'cut the active controller off from everybody',
    strike: async (context) =>
      cut(context, await controller(context), (network, node, others) => {
        for (const other of [host, ...others]) cutBothWays(network, node, other);
      }),
  },
  {
    name: 'two nodes lose each other and both keep the third',
    strike: async (context) =>
      cut(context, await leader(context), (network, node, [other]) => {
        if (other !== undefined) cutBothWays(network, node, other);
      }),
  },
];

async function kill({ cluster, load }: FaultContext, nodeId: number): Promise<string> {
  await cluster.end(nodeId, 'SIGKILL');
  await load.progressBeyondFlight();
  await cluster.startNode(nodeId);
  return `node ${nodeId}`;
}

async function killInALoop({ cluster, load, draw }: FaultContext, nodeId: number): Promise<string> {
  await cluster.end(nodeId, 'SIGKILL');
  for (let time = 0; time < 3; time += 1) await cluster.startAndKill(nodeId, 100 + 900 * draw());
  await load.progressBeyondFlight();
  await cluster.startNode(nodeId);
  return `node ${nodeId}`;
}

async function pauseLong({ cluster, load, sessionTimeoutMs }: FaultContext, nodeId: number): Promise<string> {
  cluster.pause(nodeId);
  await Promise.all([load.progressBeyondFlight(), pause(1.5 * sessionTimeoutMs)]);
  cluster.resume(nodeId);
  return `node ${nodeId}`;
}

async function killMany({ cluster }: FaultContext, victims: readonly number[]): Promise<string> {
  await Promise.all(victims.map((nodeId) => cluster.end(nodeId, 'SIGKILL')));
  await cluster.startAll();
  return `nodes ${victims.join(', ')}`;
}

async function restart({ cluster, load }: FaultContext, nodeId: number): Promise<string> {
  const code = await cluster.end(nodeId, 'SIGTERM');
  if (code !== 0) throw new Error(`node ${nodeId} ended with code ${String(code)}\n${cluster.logs}`);
  await load.progressBeyondFlight();
  await cluster.startNode(nodeId);
  return `node ${nodeId}`;
}

async function cut(
  { network, load, sessionTimeoutMs }: NetworkFaultContext,
  nodeId: number,
  pull: (network: ClusterNetwork, nodeId: number, others: readonly number[]) => void,
): Promise<string> {
  pull(network, nodeId, othersThan(nodeId));
  await Promise.all([load.progressBeyondFlight(), pause(1.5 * sessionTimeoutMs)]);
  network.heal();
  return `node ${nodeId}`;
}

async function controller({ admin, draw }: FaultContext): Promise<number> {
  const { controllerId } = await admin.describeCluster();
  return controllerId === -1 ? anyNode({ draw }) : controllerId;
}

async function leader({ admin, topic, draw }: FaultContext): Promise<number> {
  const { partitions } = await admin.describeTopic(topic);
  const led = partitions[Math.floor(draw() * partitions.length)]?.leader ?? -1;
  return led === -1 ? anyNode({ draw }) : led;
}

function anyNode({ draw }: Pick<FaultContext, 'draw'>): number {
  return nodeIds[Math.floor(draw() * nodeIds.length)] ?? 1;
}

function othersThan(nodeId: number): number[] {
  return nodeIds.filter((other) => other !== nodeId);
}
