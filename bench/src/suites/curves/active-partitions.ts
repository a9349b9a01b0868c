/** What it costs that records go to many partitions, each a file of its own to sync. */
import { Admin } from 'millrace';
import { perf, startMillrace } from '../../nodes/millrace-node.js';
import { defineCurve, eachPoint } from './curve.js';

const topic = 'active';
const rate = 5000;

export const activePartitions = defineCurve<'records' | 'p50' | 'p99'>({
  name: 'active-partitions',
  title: 'Active partitions',
  x: { title: 'partitions written to', scale: 'log' },
  lines: [
    { key: 'records', name: 'written', unit: 'records/s' },
    { key: 'p50', name: `p50 at ${rate}/s`, unit: 'ms', digits: 2, scale: 'log' },
    { key: 'p99', name: `p99 at ${rate}/s`, unit: 'ms', digits: 2, scale: 'log' },
  ],
  points: ({ pick }) => pick([1, 100, 1000], [1, 3, 10, 30, 100, 300, 1000]),
  round: (points, { pick }) =>
    eachPoint(points, async (partitions) => {
      await using node = await startMillrace();
      await using admin = new Admin({ bootstrap: node.bootstrap });
      await admin.createTopic({ name: topic, partitions });
      const keyed = { topic, keys: 20 * partitions };
      const records = pick(300_000, 1_000_000);
      const closed = await perf('produce', node.bootstrap, { ...keyed, records, 'warmup-records': records / 5 });
      const paced = { ...keyed, rate, records: rate * pick(3, 10), 'warmup-records': rate };
      const { latencyMs } = await perf('produce', node.bootstrap, paced);
      return { records: closed.recordsPerSecond, p50: latencyMs.p50, p99: latencyMs.p99 };
    }),
  notes: `Keys spread records of 100 bytes evenly over the partitions of one node. Latency is from the moment a record was due to its
acknowledgement, which waits for the sync of its partition’s file.`,
});
