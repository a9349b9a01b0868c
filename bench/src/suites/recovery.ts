/** How long a node needs to serve again after kill -9, against the size of its log. */
import { perf, removeDataDir, startMillrace, temporaryDataDir } from '../nodes/millrace-node.js';
import { type Spread, spread } from '../report/statistics.js';
import { defineSuite, type Scale } from '../suite.js';

interface RecoveryFigures {
  readonly logBytes: number;
  readonly readyMs: Spread;
}

async function measureRecovery(logBytes: number, rounds: number): Promise<RecoveryFigures> {
  const recordBytes = 1024;
  const readyMs = [];
  for (let round = 0; round < rounds; round += 1) {
    const dataDir = temporaryDataDir();
    try {
      const before = await startMillrace({ dataDir });
      await perf('produce', before.bootstrap, {
        topic: 'recovery',
        'record-bytes': recordBytes,
        records: Math.max(1, Math.round(logBytes / recordBytes)),
      });
      await before.kill();
      await using after = await startMillrace({ dataDir });
      readyMs.push(after.readyMs);
    } finally {
      removeDataDir(dataDir);
    }
  }
  return { logBytes, readyMs: spread(readyMs) };
}

const mb = 1e6;

async function measure({ rounds, pick }: Scale): Promise<RecoveryFigures[]> {
  const figures = [];
  for (const size of pick([1 * mb, 100 * mb], [1 * mb, 100 * mb, 1000 * mb]))
    figures.push(await measureRecovery(size, rounds));
  return figures;
}

export const recovery = defineSuite<RecoveryFigures[]>({
  name: 'recovery',
  title: 'Recovery',
  measure,
  present: (figures) => ({
    figures: figures.map(({ logBytes, readyMs }) => ({
      name: `ready after kill -9, ${logBytes / mb} MB log`,
      value: readyMs,
      unit: 'ms',
    })),
    notes: `It starts with the process and ends with its ready line. The log was written in one go and killed at once, so it is the
worst case for what must be read again.`,
  }),
});
