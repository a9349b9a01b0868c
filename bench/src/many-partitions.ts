/**
 * A thousand partitions with three replicas on three nodes of one machine: how long they take to be there and in sync, what
 * the nodes burn while nothing happens, and how long it takes until all are led again after kill -9 of a node.
 *
 *     node bench/dist/many-partitions.js [rounds] [partitions]
 */
import { pathToFileURL } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { Admin } from 'millrace';
import { type ClusterNodes, startCluster } from './cluster-nodes.js';
import { processUsage } from './process-usage.js';
import { type Spread, spread } from './statistics.js';

export interface ManyPartitionsFigures {
  readonly partitions: number;
  /** From the request to its answer, and until every replica is in sync. */
  readonly createMs: Spread;
  readonly inSyncMs: Spread;
  /** Of one processor, all three nodes together. */
  readonly idleCpuPercent: Spread;
  /** From kill -9 of a node until every partition has a leader among the others. */
  readonly failoverMs: Spread;
}

const topic = 'many';
const settleMs = 3000;
const idleMs = 5000;
const giveUpMs = 120_000;
const lookEveryMs = 50;

export async function measureManyPartitions(partitions: number, rounds: number): Promise<ManyPartitionsFigures> {
  const createMs: number[] = [];
  const inSyncMs: number[] = [];
  const idleCpuPercent: number[] = [];
  const failoverMs: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await using cluster = await startCluster(3);
    await using admin = new Admin({ bootstrap: cluster.bootstrap, requestTimeoutMs: giveUpMs });
    const startedMs = performance.now();
    await admin.createTopic({ name: topic, partitions, replicationFactor: 3 });
    createMs.push(performance.now() - startedMs);
    await until(admin, ({ isr }) => isr.length === 3);
    inSyncMs.push(performance.now() - startedMs);
    await sleep(settleMs);
    const before = cpuSeconds(cluster);
    await sleep(idleMs);
    idleCpuPercent.push(((cpuSeconds(cluster) - before) / (idleMs / 1000)) * 100);
    // Not the controller: its end is another figure.
    const { controllerId } = await admin.describeCluster();
    const victim = cluster.nodeIds.find((nodeId) => nodeId !== controllerId) ?? 1;
    const killedMs = performance.now();
    cluster.kill(victim);
    await until(admin, ({ leader }) => leader !== victim && leader !== -1);
    failoverMs.push(performance.now() - killedMs);
  }
  return {
    partitions,
    createMs: spread(createMs),
    inSyncMs: spread(inSyncMs),
    idleCpuPercent: spread(idleCpuPercent),
    failoverMs: spread(failoverMs),
  };
}

type Partition = Awaited<ReturnType<Admin['describeTopic']>>['partitions'][number];

async function until(admin: Admin, isSo: (partition: Partition) => boolean): Promise<void> {
  for (const deadlineMs = performance.now() + giveUpMs; performance.now() < deadlineMs; await sleep(lookEveryMs)) {
    const { partitions } = await admin.describeTopic(topic);
    if (partitions.every(isSo)) return;
  }
  throw new Error(`the partitions are not as they should be after ${giveUpMs} ms`);
}

function cpuSeconds(cluster: ClusterNodes): number {
  return cluster.nodeIds.reduce((sum, nodeId) => sum + processUsage(cluster.pid(nodeId)).cpuSeconds, 0);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [rounds = 1, partitions = 1000] = process.argv.slice(2).map(Number);
  process.stdout.write(`${JSON.stringify(await measureManyPartitions(partitions, rounds), null, 2)}\n`);
}
