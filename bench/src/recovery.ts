/** How long a node needs to serve again after kill -9, against the size of its log. */
import { perf, removeDataDir, startMillrace, temporaryDataDir } from './millrace-node.js';
import { type Spread, spread } from './statistics.js';

export interface RecoveryFigures {
  readonly logBytes: number;
  readonly readyMs: Spread;
}

export async function measureRecovery(logBytes: number, rounds: number): Promise<RecoveryFigures> {
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
