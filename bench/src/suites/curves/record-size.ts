/** What the size of a record costs: bytes a second, written and read. */
import { sizeName } from '../../report/size-name.js';
import { perf, startMillrace } from '../../nodes/millrace-node.js';
import { defineCurve, eachPoint } from './curve.js';

const kib = 1024;

export const recordSize = defineCurve<'produce' | 'consume'>({
  name: 'record-size',
  title: 'Record size',
  x: { title: 'record size, bytes', scale: 'log' },
  showX: sizeName,
  lines: [
    { key: 'produce', name: 'written', unit: 'MB/s', digits: 1, scale: 'log' },
    { key: 'consume', name: 'read', unit: 'MB/s', digits: 1, scale: 'log' },
  ],
  points: ({ pick }) =>
    pick(
      [10, 100, kib, 64 * kib, kib * kib],
      [10, 30, 100, 300, kib, 4 * kib, 16 * kib, 64 * kib, 256 * kib, kib * kib],
    ),
  round: (points, { pick }) =>
    eachPoint(points, async (recordBytes) => {
      const bytes = pick(40e6, 200e6);
      const records = Math.max(20, Math.min(pick(500_000, 2_000_000), Math.round(bytes / recordBytes)));
      await using node = await startMillrace();
      // With room for the largest record and what a batch adds to it.
      const written = await perf('produce', node.bootstrap, {
        ...{ topic: 'sizes', records, 'record-bytes': recordBytes, config: `max.message.bytes=${2 * kib * kib}` },
      });

      const read = await perf('consume', node.bootstrap, { topic: 'sizes', records });
      return { produce: written.mbPerSecond, consume: read.mbPerSecond };
    }),
  notes: `One node, one partition, default batches; each end alone, and without warm-up. Below a hundred bytes the cost is that of
the records, above it that of the bytes.`,
});
