import { describe, expect, test } from 'vitest';
import { BatchView, encodeBatch, loadCompression, type Compression } from '@millrace/record';
import { SimulatedDisk } from '@millrace/testkit';
import { prepareToRequireKeys, requireKeys } from '../../src/compaction/require-keys.js';
import { recordingLogger } from '@millrace/testkit';
import { create, openOn } from '../directory/directory-bench.js';

function batch(keys: readonly (string | null)[], compression: Compression = 'none'): BatchView {
  return new BatchView(
    encodeBatch(
      keys.map((key) => ({ key, value: 'v' })),
      { compression },
    ),
  );
}

describe('keys in a compacted topic', () => {
  test('are required of every record, whatever the compression', async () => {
    prepareToRequireKeys(recordingLogger());
    await loadCompression('zstd');
    await Promise.resolve();
    for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
      requireKeys(batch(['a', '', 'c'], compression));
      expect(() => {
        requireKeys(batch(['a', null, 'c'], compression));
      }).toThrow(
        expect.objectContaining({
          code: 'INVALID_RECORD',
          message: expect.stringMatching(/record 1 has no key/) as string,
        }),
      );
    }
  });

  test('are asked for by the log from when the topic is compacted, and not before', async () => {
    const directory = await openOn(new SimulatedDisk());
    const log = await create(directory, 'orders');
    const keyless = (): Uint8Array => encodeBatch([{ value: 'v' }]);
    const options = { origin: 'client', leaderEpoch: 0 } as const;
    log.append(keyless(), options);
    log.setConfig({ ...log.config, cleanup: 'compact' });
    expect(() => log.append(keyless(), options)).toThrow(expect.objectContaining({ code: 'INVALID_RECORD' }));
    expect(log.endOffset).toBe(1);
    log.append(encodeBatch([{ key: 'k', value: 'v' }]), options);
    expect(log.endOffset).toBe(2);
  });
});
