/** What a large log costs: to read it from the start, to read it from a cold disk, to serve again after a crash. */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { perf, removeDataDir, startMillrace, temporaryDataDir } from '../../nodes/millrace-node.js';
import { defineCurve, eachPoint } from './curve.js';

const topic = 'large';
const recordBytes = 1024;

export const logSize = defineCurve<'fromStart' | 'cold' | 'recover'>({
  name: 'log-size',
  title: 'Log size',
  x: { title: 'log size, MB', scale: 'log' },
  lines: [
    { key: 'fromStart', name: 'read from the start', unit: 'MB/s' },
    { key: 'cold', name: 'read from a cold disk', unit: 'MB/s' },
    { key: 'recover', name: 'ready after kill -9', unit: 'ms' },
  ],
  points: ({ pick }) => pick([10, 100, 500], [100, 300, 1000, 3000, 10_000]),
  round: (points) =>
    eachPoint(points, async (mb) => {
      const dataDir = temporaryDataDir();
      try {
        const records = Math.round((mb * 1e6) / recordBytes);
        const before = await startMillrace({ dataDir });
        await perf('produce', before.bootstrap, { topic, records, 'record-bytes': recordBytes });
        const fromStart = await perf('consume', before.bootstrap, { topic, records });
        await before.kill();
        await using after = await startMillrace({ dataDir });
        forget(join(dataDir, `${topic}-0`));
        const cold = await perf('consume', after.bootstrap, { topic, records });
        return { fromStart: fromStart.mbPerSecond, cold: cold.mbPerSecond, recover: after.readyMs };
      } finally {
        removeDataDir(dataDir);
      }
    }),
  notes: `Records of 1 KiB in one partition. Cold: the pages of the log were given up with \`dd iflag=nocache\` before. What a hypervisor
keeps of the disk in its own memory is out of reach. The log was written in one go and killed at once, so the time to serve again is
that of the worst case.`,
});

/** Has the kernel drop what it caches of these files. */
function forget(directory: string): void {
  for (const name of readdirSync(directory))
    execFileSync('dd', [`if=${join(directory, name)}`, 'iflag=nocache', 'count=0', 'status=none']);
}
