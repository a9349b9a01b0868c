/**
 * What three replicas cost, on one machine whose cores all nodes share: throughput of acks=all as a share of that of one
 * replica in the same round, acknowledgement latency at a fixed rate, and how fast a follower that has nothing catches up.
 */
import { Admin } from 'millrace';
import { startCluster } from '../nodes/cluster-nodes.js';
import { perf, startMillrace } from '../nodes/millrace-node.js';
import { untilPartitions } from '../nodes/until.js';
import { atLeast, below } from '../report/goal.js';
import { type Spread, spread } from '../report/statistics.js';
import { defineSuite, type Scale } from '../suite.js';

interface ReplicationFigures {
  readonly recordBytes: number;
  readonly oneReplicaRecordsPerSecond: Spread;
  readonly threeReplicasRecordsPerSecond: Spread;
  readonly share: Spread;
  readonly rate: number;
  readonly ackP50Ms: Spread;
  readonly ackP99Ms: Spread;
  readonly catchUpMbPerSecond: Spread;
}

const recordBytes = 100;
const rate = 5000;
const rateSeconds = 5;
const topic = 'replicated';

async function measure({ rounds, pick }: Scale): Promise<ReplicationFigures> {
  const records = pick(1_000_000, 2_000_000);
  const one: number[] = [];
  const three: number[] = [];
  const p50: number[] = [];
  const p99: number[] = [];
  const catchUp: number[] = [];
  const load = { topic, records, 'record-bytes': recordBytes, 'warmup-records': Math.round(records / 10) };
  const paced = { topic, rate, records: rate * rateSeconds, 'record-bytes': recordBytes, 'warmup-records': rate };
  for (let round = 0; round < rounds; round += 1) {
    {
      await using node = await startMillrace();
      one.push((await perf('produce', node.bootstrap, load)).recordsPerSecond);
    }
    await using cluster = await startCluster(3);
    await using admin = new Admin({ bootstrap: cluster.bootstrap });
    await admin.createTopic({ name: topic, partitions: 1, replicationFactor: 3 });
    three.push((await perf('produce', cluster.bootstrap, load)).recordsPerSecond);
    const { latencyMs } = await perf('produce', cluster.bootstrap, paced);
    p50.push(latencyMs.p50);
    p99.push(latencyMs.p99);
    await admin.deleteTopic(topic);
    catchUp.push(await catchUpMbPerSecond(admin, cluster.bootstrap, records));
  }
  return {
    recordBytes,
    oneReplicaRecordsPerSecond: spread(one),
    threeReplicasRecordsPerSecond: spread(three),
    share: spread(three.map((figure, round) => figure / (one[round] ?? NaN))),
    rate,
    ackP50Ms: spread(p50),
    ackP99Ms: spread(p99),
    catchUpMbPerSecond: spread(catchUp),
  };
}

/** A replica on a node that has nothing of the partition is added; it ends when that is in sync. */
async function catchUpMbPerSecond(admin: Admin, bootstrap: string, records: number): Promise<number> {
  const name = 'catch-up';
  const partition = 0;
  const size = 1024;
  await admin.createTopic({ name, partitions: 1, replicationFactor: 2 });
  const load = { topic: name, records: Math.round(records / 8), 'record-bytes': size, 'warmup-records': 0 };
  const { bytes } = await perf('produce', bootstrap, load);
  const before = await admin.describeTopic(name);
  const holders = before.partitions[partition]?.replicas ?? [];
  const { nodes } = await admin.describeCluster();
  const empty = nodes.map(({ nodeId }) => nodeId).filter((nodeId) => !holders.includes(nodeId));
  const startedMs = performance.now();
  await admin.reassignPartitions([{ topic: name, partition, replicas: [...holders, ...empty] }]);
  await untilPartitions(admin, name, 'on every node', ({ isr }) => isr.length === nodes.length);
  return bytes / 1e6 / ((performance.now() - startedMs) / 1000);
}

export const replication = defineSuite<ReplicationFigures>({
  name: 'replication',
  title: 'Three replicas',
  measure,
  present: (figures) => ({
    figures: [
      { name: `1 replica, ${figures.recordBytes} B`, value: figures.oneReplicaRecordsPerSecond, unit: 'records/s' },
      { name: `3 replicas, ${figures.recordBytes} B`, value: figures.threeReplicasRecordsPerSecond, unit: 'records/s' },
      { name: '3 replicas / 1 replica', value: figures.share, unit: 'ratio', digits: 2 },
      { name: `3 replicas, acknowledged at ${figures.rate}/s, p50`, value: figures.ackP50Ms, unit: 'ms', digits: 2 },
      { name: `3 replicas, acknowledged at ${figures.rate}/s, p99`, value: figures.ackP99Ms, unit: 'ms', digits: 2 },
      { name: 'empty follower catches up', value: figures.catchUpMbPerSecond, unit: 'MB/s', digits: 1 },
    ],
    goals: [
      atLeast('3 replicas / 1 replica', figures.share, 0.3),
      below(`3 replicas, acknowledged at ${figures.rate}/s, p50 ms`, figures.ackP50Ms, 3, 2),
    ],
    ratios: [{ name: '3 replicas / 1 replica', value: figures.share, better: 'higher' }],
    notes: `Three nodes share the cores of this one machine with the load: a record is written, checked and synced three times there.
Three machines have three times the cores, and a network.`,
  }),
});
