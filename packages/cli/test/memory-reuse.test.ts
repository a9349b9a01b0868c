/** Real sockets, where memory goes from a read through the log's tail into replies, and is used again at once. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startServer } from '@millrace/server';
import { expect, test } from 'vitest';
import { Consumer, Producer } from '../src/index.js';

const topic = 'memory';
const producers = 2;
const recordsEach = 20_000;
const valueBytes = 1000;

/** A record is its own proof: which it is, in every byte that follows. */
function valueOf(producer: number, index: number): Buffer {
  const value = Buffer.alloc(valueBytes, (producer * 101 + index) % 251);
  value.writeUInt32BE(producer, 0);
  value.writeUInt32BE(index, 4);
  return value;
}

async function produceAll(bootstrap: string, which: number): Promise<void> {
  await using producer = new Producer({ bootstrap });
  for (let index = 0; index < recordsEach; index++) {
    const record = { topic, partition: 0, value: valueOf(which, index) };
    while (!producer.enqueue(record)) await producer.ready();
    // Not all at once: batches of every size, and readers that are at the tail meanwhile.
    if (index % 400 === 0) await producer.flush();
  }
  await producer.flush();
}

/** Reads all there will be, each record compared byte by byte; now and then lets the log run ahead. */
async function readAll(bootstrap: string, waitEvery: number): Promise<number[]> {
  await using consumer = new Consumer({ bootstrap, topics: [topic], from: 'beginning' });
  const next = Array<number>(producers).fill(0);
  let count = 0;
  for await (const batch of consumer.batches()) {
    for (const { value } of batch) {
      const bytes = Buffer.from(value ?? []);
      const which = bytes.readUInt32BE(0);
      const index = bytes.readUInt32BE(4);
      if (!bytes.equals(valueOf(which, index))) throw new Error(`record ${index} of producer ${which} is damaged`);
      expect(index).toBe(next[which]);
      next[which] = index + 1;
      count += 1;
      if (count % waitEvery === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    if (count === producers * recordsEach) break;
  }
  return next;
}

test('readers at the tail, ahead and behind, get what was produced while all memory is used again and again', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'millrace-memory-'));
  const server = await startServer({ dataDir, client: '127.0.0.1:0' });
  try {
    const { bootstrap } = server;
    const producing = Array.from({ length: producers }, (_, which) => produceAll(bootstrap, which));
    const reading = [readAll(bootstrap, Infinity), readAll(bootstrap, 1500), readAll(bootstrap, 6000)];
    await Promise.all(producing);
    expect(await Promise.all(reading)).toEqual(Array(3).fill(Array(producers).fill(recordsEach)));
  } finally {
    await server.close();
    rmSync(dataDir, { recursive: true, force: true });
  }
});
