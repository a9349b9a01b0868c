/** Several nodes of the built program that form a cluster, each to be killed and started again. */
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { millrace, type RunningChild, startChild } from './child.js';
import { removeDataDir, temporaryDataDir } from './millrace-node.js';
import { processUsage } from './process-usage.js';

export interface ClusterNodes extends AsyncDisposable {
  readonly nodeIds: readonly number[];
  readonly bootstrap: string;
  /** Of all nodes that run, since their starts. */
  cpuSeconds(): number;
  /** SIGKILL, without waiting for the end. */
  kill(nodeId: number): void;
  /** After a kill, over the same directory. Resolves with the milliseconds from its start to its ready line. */
  restart(nodeId: number): Promise<number>;
}

export async function startCluster(count: number, settings: readonly string[] = []): Promise<ClusterNodes> {
  const directory = temporaryDataDir();
  const nodeIds = Array.from({ length: count }, (_, index) => index + 1);
  const ports = await freePorts(2 * count);
  const client = (nodeId: number): string => `127.0.0.1:${ports[2 * nodeId - 2] ?? 0}`;
  const internal = (nodeId: number): string => `127.0.0.1:${ports[2 * nodeId - 1] ?? 0}`;
  const voters = nodeIds.map((nodeId) => `${nodeId}@${internal(nodeId)}`).join(',');
  const children = new Map<number, RunningChild>();
  const start = async (nodeId: number): Promise<number> => {
    const child = await startChild(millrace, [
      ...['server', '--data', join(directory, `node-${nodeId}`), '--node-id', String(nodeId), '--voters', voters],
      ...['--client', client(nodeId), '--internal', internal(nodeId), '--http', '127.0.0.1:0'],
      ...['--log-level', 'error', ...settings.flatMap((setting) => ['--set', setting])],
    ]);
    children.set(nodeId, child);
    return child.firstLineMs;
  };
  const pidOf = (child: RunningChild): number => child.process.pid ?? -1;
  await Promise.all(nodeIds.map(start));
  return {
    nodeIds,
    bootstrap: nodeIds.map(client).join(','),
    cpuSeconds: () => [...children.values()].reduce((sum, child) => sum + processUsage(pidOf(child)).cpuSeconds, 0),
    kill: (nodeId) => {
      void children.get(nodeId)?.kill();
      children.delete(nodeId);
    },
    restart: start,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...children.values()].map((child) => child.stop()));
      removeDataDir(directory);
    },
  };
}

/** Ports that were free a moment ago, all different. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(
    servers.map(async (server) => {
      server.close();
      await once(server, 'close');
    }),
  );
  return ports;
}
