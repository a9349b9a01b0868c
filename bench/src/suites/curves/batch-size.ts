/** What small batches cost. */
import { sizeName } from '../../report/size-name.js';
import { perf, startMillrace } from '../../nodes/millrace-node.js';
import { defineCurve, eachPoint } from './curve.js';

const kib = 1024;

export const batchSize = defineCurve<'produce' | 'nodeCpu'>({
  name: 'batch-size',
  title: 'Batch size',
  x: { title: 'largest batch, bytes', scale: 'log' },
  showX: sizeName,
  lines: [
    { key: 'produce', name: 'written', unit: 'records/s' },
    { key: 'nodeCpu', name: 'node', unit: 'CPU s / million records', digits: 2, scale: 'log' },
  ],
  points: ({ pick }) => pick([kib, 16 * kib, 256 * kib], [kib, 4 * kib, 16 * kib, 64 * kib, 256 * kib, 1024 * kib]),
  round: (points, { pick }) =>
    eachPoint(points, async (batchBytes) => {
      const records = pick(300_000, 1_000_000);
      await using node = await startMillrace();
      const before = node.usage().cpuSeconds;
      const { recordsPerSecond } = await perf('produce', node.bootstrap, { records, 'batch-bytes': batchBytes });
      return { produce: recordsPerSecond, nodeCpu: ((node.usage().cpuSeconds - before) / records) * 1e6 };
    }),
  notes: 'Records of 100 bytes to one partition, as fast as they are acknowledged. The node’s start is not counted.',
});
