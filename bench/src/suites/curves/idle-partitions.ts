/** What partitions cost that nobody uses. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Admin } from 'millrace';
import { perf, startMillrace } from '../../nodes/millrace-node.js';
import { defineCurve, eachPoint } from './curve.js';

const idleMs = 2000;

export const idlePartitions = defineCurve<'rss' | 'cpu' | 'records'>({
  name: 'idle-partitions',
  title: 'Idle partitions',
  x: { title: 'partitions nobody uses', scale: 'log' },
  lines: [
    { key: 'rss', name: 'node, resident', unit: 'MB' },
    { key: 'cpu', name: 'node, idle', unit: '% of one processor', digits: 1 },
    { key: 'records', name: 'written to another topic', unit: 'records/s' },
  ],
  points: ({ pick }) => pick([1, 100, 1000], [1, 10, 100, 300, 1000]),
  round: (points, { pick }) =>
    eachPoint(points, async (partitions) => {
      await using node = await startMillrace();
      await using admin = new Admin({ bootstrap: node.bootstrap });
      await admin.createTopic({ name: 'idle', partitions });
      await sleep(idleMs);
      const before = node.usage().cpuSeconds;
      await sleep(idleMs);
      const cpu = ((node.usage().cpuSeconds - before) / (idleMs / 1000)) * 100;
      const rss = node.rssBytes() / 1e6;
      const records = pick(500_000, 1_000_000);
      const load = { topic: 'busy', records, 'warmup-records': records / 5 };
      const { recordsPerSecond } = await perf('produce', node.bootstrap, load);
      return { rss, cpu, records: recordsPerSecond };
    }),
  notes: 'One node. Memory and processor time are those before anything is written.',
});
