/** What readers cost that ask for much and take little, and what is left for others beside them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { benchScript, startChild } from '../../nodes/child.js';
import { perf, startMillrace } from '../../nodes/millrace-node.js';
import { defineCurve, eachPoint } from './curve.js';

const settleMs = 3000;

export const slowReaders = defineCurve<'peak' | 'written' | 'read'>({
  name: 'slow-readers',
  title: 'Slow readers',
  x: { title: 'readers that take 4 KiB a second', scale: 'linear' },
  lines: [
    { key: 'peak', name: 'node, largest resident', unit: 'MB' },
    { key: 'written', name: 'written by another client', unit: 'records/s' },
    { key: 'read', name: 'read by another client', unit: 'records/s' },
  ],
  points: ({ pick }) => pick([0, 200, 2000], [0, 100, 500, 1000, 2000]),
  round: (points, { pick }) =>
    eachPoint(points, async (count) => {
      await using node = await startMillrace();
      const topic = 'slowly-read';
      const records = pick(100_000, 300_000);
      const load = { topic, records, 'record-bytes': 1024, partitions: 4 };
      await perf('produce', node.bootstrap, load);
      const readers = await startChild(benchScript('clients/slow-readers'), [node.bootstrap, topic, String(count)]);
      try {
        await sleep(settleMs);
        const written = await perf('produce', node.bootstrap, load);
        const read = await perf('consume', node.bootstrap, { topic, records });
        const peak = node.usage().peakBytes / 1e6;
        return { peak, written: written.recordsPerSecond, read: read.recordsPerSecond };
      } finally {
        await readers.stop();
      }
    }),
  notes: `Each asks four times at once for 8 MiB of a topic with 1-KiB records, from the beginning, and takes 4 KiB a second of the
replies. What they hold together is bounded by \`connections.max.reply.bytes\`, 256 MiB by default; the less of it is left, the smaller
replies get.`,
});
