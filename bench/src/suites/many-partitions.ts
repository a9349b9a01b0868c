/**
 * A thousand partitions with three replicas on three nodes of one machine: how long they take to be there and in sync, what
 * the nodes burn while nothing happens, and how long it takes until all are led again after kill -9 of a node.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Admin } from 'millrace';
import { startCluster } from '../nodes/cluster-nodes.js';
import { isInSync, untilPartitions } from '../nodes/until.js';
import { type Spread, spread } from '../report/statistics.js';
import { defineSuite, type Scale } from '../suite.js';

interface ManyPartitionsFigures {
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
const requestTimeoutMs = 120_000;
const partitions = 1000;

async function measure(scale: Scale): Promise<ManyPartitionsFigures> {
  const rounds = scale.pick(1, 3);
  const createMs: number[] = [];
  const inSyncMs: number[] = [];
  const idleCpuPercent: number[] = [];
  const failoverMs: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await using cluster = await startCluster(3);
    await using admin = new Admin({ bootstrap: cluster.bootstrap, requestTimeoutMs });
    const startedMs = performance.now();
    await admin.createTopic({ name: topic, partitions, replicationFactor: 3 });
    createMs.push(performance.now() - startedMs);
    await untilPartitions(admin, topic, 'in sync', isInSync);
    inSyncMs.push(performance.now() - startedMs);
    await sleep(settleMs);
    const before = cluster.cpuSeconds();
    await sleep(idleMs);
    idleCpuPercent.push(((cluster.cpuSeconds() - before) / (idleMs / 1000)) * 100);
    // Not the controller: its end is another figure.
    const { controllerId } = await admin.describeCluster();
    const victim = cluster.nodeIds.find((nodeId) => nodeId !== controllerId) ?? 1;
    const killedMs = performance.now();
    cluster.kill(victim);
    await untilPartitions(admin, topic, 'led by another', ({ leader }) => leader !== victim && leader !== -1);
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

export const manyPartitions = defineSuite<ManyPartitionsFigures>({
  name: 'many-partitions',
  title: 'A thousand partitions',
  measure,
  present: ({ partitions: count, createMs, inSyncMs, idleCpuPercent, failoverMs }) => ({
    figures: [
      { name: `${count} partitions of 3 replicas: created`, value: createMs, unit: 'ms' },
      { name: `${count} partitions: all replicas in sync`, value: inSyncMs, unit: 'ms' },
      {
        name: `${count} partitions: idle processor time of three nodes`,
        value: idleCpuPercent,
        unit: '% of one',
        digits: 1,
      },
      { name: `${count} partitions: all led again after kill -9 of a node`, value: failoverMs, unit: 'ms' },
    ],
    notes: `Three nodes share the cores of this one machine with the load.`,
  }),
});
