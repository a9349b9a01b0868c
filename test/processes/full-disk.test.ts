/**
 * A disk that fills up under a real node: writes are refused with a typed error, what was acknowledged stays and can be
 * read, and writes go on by themselves when there is space again. Needs the right to mount a small file system.
 */
import { join } from 'node:path';
import { errorCode } from '@millrace/base';
import { Consumer } from '@millrace/consumer';
import { Producer } from '@millrace/producer';
import { expect, test } from 'vitest';
import { startNode, temporaryDirectory } from './node-process.js';
import { mountSmallDisk } from './rig/small-disk.js';

const diskMiB = 64;
const takenMiB = 24;
const valueBytes = 50_000;

test('a full disk refuses writes, loses nothing acknowledged, and takes writes again when there is space', async () => {
  using directory = temporaryDirectory();
  const disk = mountSmallDisk(join(directory.path, 'disk'), diskMiB, takenMiB);
  if (disk === undefined) {
    process.stdout.write('SKIP(no right to mount a tmpfs): full disk under a real process\n');
    return;
  }
  const free = '127.0.0.1:0';
  const flags = ['--client', free, '--internal', free, '--http', free, '--log-level', 'error'];
  const node = await startNode(['--data', join(disk.path, 'data'), ...flags, '--set', 'log.low.space.bytes=1048576']);
  try {
    const bootstrap = node.ready.client;
    await using producer = new Producer({ bootstrap, deliveryTimeoutMs: 3000, retryBackoffMs: 50 });
    const acknowledged: number[] = [];
    let refusal: unknown;
    for (let index = 0; refusal === undefined; index += 1) {
      expect(index).toBeLessThan((diskMiB * 1024 * 1024) / valueBytes);
      try {
        const { offset } = await producer.send({ topic: 'full', value: valueOf(index) });
        expect(offset).toBe(acknowledged.length);
        acknowledged.push(index);
      } catch (error) {
        refusal = error;
      }
    }
    expect(errorCode(refusal)).toBe('LOG_DISK_FULL');
    expect(acknowledged.length).toBeGreaterThan(100);
    expect(await readAll(bootstrap, acknowledged.length)).toEqual(acknowledged.map(valueOf));

    disk.makeRoom();
    await using patient = new Producer({ bootstrap, deliveryTimeoutMs: 20_000 });
    const { offset } = await patient.send({ topic: 'full', value: 'after' });
    expect(offset).toBe(acknowledged.length);
    expect((await readAll(bootstrap, acknowledged.length + 1)).at(-1)).toBe('after');
  } finally {
    expect(await node.end('SIGTERM')).toBe(0);
    disk.unmount();
  }
});

function valueOf(index: number): string {
  return `${index}`.padEnd(valueBytes, '.');
}

async function readAll(bootstrap: string, count: number): Promise<string[]> {
  await using consumer = new Consumer({ bootstrap, topics: ['full'], from: 'beginning' });
  const values: string[] = [];
  for await (const record of consumer.records({ signal: AbortSignal.timeout(30_000) })) {
    values.push(Buffer.from(record.value ?? []).toString());
    if (values.length === count) break;
  }
  return values;
}
