/** What readers cost that all read everything. */
import { benchScript, runChild } from '../../nodes/child.js';
import { perf, startMillrace } from '../../nodes/millrace-node.js';
import { defineCurve, eachPoint } from './curve.js';

interface Reading {
  readonly bytes: number;
  readonly seconds: number;
}

export const consumers = defineCurve<'together' | 'nodeCpu'>({
  name: 'consumers',
  title: 'Consumers',
  x: { title: 'consumers of one topic', scale: 'log' },
  lines: [
    { key: 'together', name: 'all together', unit: 'MB/s' },
    { key: 'nodeCpu', name: 'node', unit: 'CPU s / GB', digits: 2 },
  ],
  points: ({ pick }) => pick([1, 10, 100], [1, 3, 10, 30, 100]),
  round: (points, { pick }) =>
    eachPoint(points, async (count) => {
      await using node = await startMillrace();
      const records = pick(5000, 20_000);
      const load = { topic: 'read', records, 'record-bytes': 1024, partitions: 4 };
      await perf('produce', node.bootstrap, load);
      const before = node.usage().cpuSeconds;
      const args = [node.bootstrap, load.topic, String(count), String(records)];
      const { bytes, seconds } = await runChild<Reading>(benchScript('clients/many-consumers'), args);
      const nodeCpu = ((node.usage().cpuSeconds - before) / bytes) * 1e9;
      return { together: bytes / seconds / 1e6, nodeCpu };
    }),
  notes: `Each reads all of a topic of four partitions from the beginning; all are in one process, whose core they share. Records have
1 KiB.`,
});
