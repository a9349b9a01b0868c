/** What replicas cost, synced before they acknowledge or only in memory. */
import { Admin } from 'millrace';
import { startCluster } from '../../nodes/cluster-nodes.js';
import { perf } from '../../nodes/millrace-node.js';
import { defineCurve, eachPoint } from './curve.js';

const rate = 2000;

export const replicas = defineCurve<'fsync' | 'replicated' | 'fsyncP50' | 'replicatedP50'>({
  name: 'replicas',
  title: 'Replicas and durability',
  x: { title: 'replicas', scale: 'linear' },
  lines: [
    { key: 'fsync', name: 'fsync', unit: 'records/s' },
    { key: 'replicated', name: 'replicated', unit: 'records/s' },
    { key: 'fsyncP50', name: `fsync, p50 at ${rate}/s`, unit: 'ms', digits: 2 },
    { key: 'replicatedP50', name: `replicated, p50 at ${rate}/s`, unit: 'ms', digits: 2 },
  ],
  points: () => [1, 2, 3],
  round: async (points, { pick }) => {
    await using cluster = await startCluster(3);
    await using admin = new Admin({ bootstrap: cluster.bootstrap });
    const measure = async (replicationFactor: number, durability: string) => {
      const topic = `${durability}-${replicationFactor}`;
      const minInsync = String(Math.max(1, replicationFactor - 1));
      const configs = { durability, 'min.insync.replicas': minInsync };
      await admin.createTopic({ name: topic, partitions: 1, replicationFactor, configs });
      const records = pick(300_000, 1_000_000);
      const closed = await perf('produce', cluster.bootstrap, { topic, records, 'warmup-records': records / 5 });
      const paced = { topic, rate, records: rate * pick(2, 8), 'warmup-records': rate };
      const { latencyMs } = await perf('produce', cluster.bootstrap, paced);
      return { records: closed.recordsPerSecond, p50: latencyMs.p50 };
    };
    return await eachPoint(points, async (replicationFactor) => {
      const fsync = await measure(replicationFactor, 'fsync');
      const replicated = await measure(replicationFactor, 'replicated');
      return {
        fsync: fsync.records,
        replicated: replicated.records,
        fsyncP50: fsync.p50,
        replicatedP50: replicated.p50,
      };
    });
  },
  notes: `Three nodes on this one machine. With \`fsync\` an acknowledgement means synced to disk on \`min.insync.replicas\` nodes (one less
than there are replicas, at least one), with \`replicated\` in the memory of as many.`,
});
