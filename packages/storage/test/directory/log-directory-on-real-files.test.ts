import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { nodeEnvironment } from '@millrace/base/node';
import { LogDirectory } from '../../src/directory/log-directory.js';
import { allCommitted, append, create, topicId, values } from './directory-bench.js';

test('a data directory on real files is created, locked, served, stopped and found again', async () => {
  const root = mkdtempSync(join(tmpdir(), 'millrace-directory-'));
  try {
    const environment = nodeEnvironment();
    const options = { path: join(root, 'a', 'b'), nodeId: 1, maxOpenFiles: 8, housekeepingMs: 20_000 };
    const first = await LogDirectory.open(environment, options);
    await expect(LogDirectory.open(environment, options)).rejects.toMatchObject({ code: 'DATA_DIRECTORY_LOCKED' });
    const config = { segmentBytes: 400, cleanup: 'compact', minCleanableDirtyRatio: 0.01 };
    const logs = [0, 1, 2, 3].map((partition) => create(first, 'orders', partition, config));
    for (const log of await Promise.all(logs)) {
      for (let index = 0; index < 20; index++) append(log, `value ${index}`, `key ${index % 2}`);
      await log.sync();
    }
    const bytesBefore = first.sizeBytes;
    await first.housekeeping(allCommitted);
    expect(first.sizeBytes).toBeLessThan(bytesBefore / 2);
    await first.deleteLog({ topic: 'orders', partition: 3, topicId });
    await first.removalsDone();
    await first.close();
    const second = await LogDirectory.open(environment, options);
    expect(second.cleanStop).toEqual({ brokerEpoch: -1 });
    expect(
      second
        .logs()
        .map(({ partition }) => partition)
        .sort(),
    ).toEqual([0, 1, 2]);
    const log = second.log('orders', 1);
    const left = log && (await values(log));
    expect(left).toEqual(expect.arrayContaining(['value 18', 'value 19']));
    expect(left?.length).toBeLessThan(10);
    await second.close();
  } finally {
    rmSync(root, { recursive: true });
  }
});
