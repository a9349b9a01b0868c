import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Admin } from '@millrace/admin';
import { Consumer } from '@millrace/consumer';
import { startServer } from '@millrace/server';
import { expect, test } from 'vitest';
import { Producer } from '../src/index.js';

test('an idle producer that the broker has forgotten goes on under another id, with every record once and in order', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-forgotten-'));
  const settings = { 'producer.id.expiration.ms': 1000, 'log.housekeeping.interval.ms': 1000 };
  const server = await startServer({ dataDir: directory, client: '127.0.0.1:0', settings });
  try {
    await using admin = new Admin({ bootstrap: server.bootstrap });
    await admin.createTopic({ name: 't', partitions: 1 });
    await using producer = new Producer({ bootstrap: server.bootstrap });
    await using consumer = new Consumer({ bootstrap: server.bootstrap, topics: ['t'], from: 'beginning' });
    const sent: string[] = [];
    const isKnown = async (): Promise<boolean> => (await admin.describeProducers([{ topic: 't' }])).length > 0;
    for (let round = 0; round < 2; round += 1) {
      for (let index = 0; index < 50; index += 1) {
        sent.push(`${round}/${index}`);
        void producer.send({ topic: 't', value: `${round}/${index}` });
      }
      await producer.flush();
      expect(await isKnown()).toBe(true);
      while (await isKnown()) await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await producer.send({ topic: 't', value: 'last' });
    const read: string[] = [];
    for await (const record of consumer.records({ signal: AbortSignal.timeout(10_000) })) {
      read.push(String(record.value));
      if (read.length > sent.length) break;
    }
    expect(read).toEqual([...sent, 'last']);
    expect(producer.stats().recordsFailed).toBe(0);
  } finally {
    await server.close();
    rmSync(directory, { recursive: true });
  }
});
