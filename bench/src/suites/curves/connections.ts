/** What connections cost that nobody uses. */
import { setTimeout as sleep } from 'node:timers/promises';
import { benchScript, startChild } from '../../nodes/child.js';
import { perf, startMillrace } from '../../nodes/millrace-node.js';
import { defineCurve, eachPoint } from './curve.js';

const idleMs = 2000;

export const connections = defineCurve<'rss' | 'cpu' | 'records'>({
  name: 'connections',
  title: 'Connections',
  x: { title: 'connections nobody uses', scale: 'log' },
  lines: [
    { key: 'rss', name: 'node, resident', unit: 'MB' },
    { key: 'cpu', name: 'node, idle', unit: '% of one processor', digits: 1 },
    { key: 'records', name: 'written by another client', unit: 'records/s' },
  ],
  points: ({ pick }) => pick([1, 200, 2000], [1, 10, 100, 500, 1000, 2000]),
  round: (points, { pick }) =>
    eachPoint(points, async (count) => {
      await using node = await startMillrace();
      const clients = await startChild(benchScript('clients/idle-connections'), [node.bootstrap, String(count)]);
      try {
        await sleep(idleMs);
        const before = node.usage().cpuSeconds;
        await sleep(idleMs);
        const cpu = ((node.usage().cpuSeconds - before) / (idleMs / 1000)) * 100;
        const rss = node.rssBytes() / 1e6;
        const records = pick(500_000, 1_000_000);
        const load = { records, 'warmup-records': records / 5 };
        const { recordsPerSecond } = await perf('produce', node.bootstrap, load);
        return { rss, cpu, records: recordsPerSecond };
      } finally {
        await clients.stop();
      }
    }),
  notes:
    'Each is an admin client that has asked one question. Memory and processor time are those while all are silent.',
});
