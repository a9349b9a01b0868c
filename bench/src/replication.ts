/**
 * What three replicas cost, on one machine whose cores all nodes share: throughput of acks=all as a share of that of one
 * replica in the same round, acknowledgement latency at a fixed rate, and how fast a follower that has nothing catches up.
 *
 *     node bench/dist/replication.js [rounds] [records]
 */
import { pathToFileURL } from 'node:url';
import { Admin } from 'millrace';
import { startCluster } from './cluster-nodes.js';
import { perf, startMillrace } from './millrace-node.js';
import { type Spread, spread } from './statistics.js';

export interface ReplicationFigures {
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
const giveUpMs = 120_000;

export async function measureReplication(records: number, rounds: number): Promise<ReplicationFigures> {
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
  for (;;) {
    const { partitions } = await admin.describeTopic(name);
    if (partitions[partition]?.isr.length === nodes.length) break;
    if (performance.now() - startedMs > giveUpMs) throw new Error(`no replica in sync after ${giveUpMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return bytes / 1e6 / ((performance.now() - startedMs) / 1000);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [rounds = 3, records = 1_000_000] = process.argv.slice(2).map(Number);
  process.stdout.write(`${JSON.stringify(await measureReplication(records, rounds), null, 2)}\n`);
}
