import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Admin } from '@millrace/admin';
import { Consumer, type ConsumerRecord } from '@millrace/consumer';
import { startServer, type MillraceServer } from '@millrace/server';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Producer, type ProducerOptions, type UnobservedFailure } from '../src/index.js';

let server: MillraceServer;
let admin: Admin;
let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-producer-'));
  server = await startServer({ dataDir: directory, client: '127.0.0.1:0' });
  admin = new Admin({ bootstrap: server.bootstrap });
});

afterAll(async () => {
  await admin.close();
  await server.close();
  rmSync(directory, { recursive: true });
});

let topics = 0;
async function newTopic(partitions = 1, configs: Record<string, string> = {}): Promise<string> {
  const name = `topic-${topics++}`;
  await admin.createTopic({ name, partitions, configs });
  return name;
}

function newProducer(options: Partial<ProducerOptions> = {}): Producer {
  return new Producer({ bootstrap: server.bootstrap, ...options });
}

async function read(topic: string, count: number): Promise<ConsumerRecord[]> {
  const consumer = new Consumer({ bootstrap: server.bootstrap, topics: [topic], from: 'beginning' });
  const records: ConsumerRecord[] = [];
  try {
    for await (const record of consumer.records({ signal: AbortSignal.timeout(10_000) })) {
      records.push(record);
      if (records.length === count) break;
    }
    return records;
  } finally {
    await consumer.close();
  }
}

const valuesOf = (records: readonly ConsumerRecord[]): string[] => records.map(({ value }) => String(value));

describe('send', () => {
  test('tells where each record went, whether its handle is awaited at once, later or never', async () => {
    const topic = await newTopic();
    await using producer = newProducer();
    const handles = ['a', 'b', 'c'].map((value) => producer.send({ topic, value }));
    expect(await handles[1]).toEqual({ topic, partition: 0, offset: 1 });
    expect(await handles[0]).toEqual({ topic, partition: 0, offset: 0 });
    await producer.flush();
    expect(await handles[2]?.then(({ offset }) => offset)).toBe(2);
    expect(valuesOf(await read(topic, 3))).toEqual(['a', 'b', 'c']);
  });

  test('keeps key, headers, timestamp and an explicit partition', async () => {
    const topic = await newTopic(3);
    await using producer = newProducer();
    const headers: [string, string | Uint8Array | null][] = [
      ['trace', 'abc'],
      ['none', null],
      ['raw', Uint8Array.of(1)],
    ];
    await producer.send({ topic, key: 'k', value: null, headers, timestampMs: 1_700_000_000_000, partition: 2 });
    const [record] = await read(topic, 1);
    expect(record).toMatchObject({ partition: 2, offset: 0, timestampMs: 1_700_000_000_000, value: null });
    expect(String(record?.key)).toBe('k');
    expect(record?.headers.map(([name, value]) => [name, value && Buffer.from(value).toString('latin1')])).toEqual([
      ['trace', 'abc'],
      ['none', null],
      ['raw', '\u0001'],
    ]);
  });

  test('stamps records with the wall clock', async () => {
    const topic = await newTopic();
    await using producer = newProducer();
    const before = Date.now();
    await producer.send({ topic, value: 'now' });
    const [record] = await read(topic, 1);
    expect(record?.timestampMs).toBeGreaterThanOrEqual(before);
    expect(record?.timestampMs).toBeLessThanOrEqual(Date.now());
  });

  test('uses serializers, with their types', async () => {
    const topic = await newTopic();
    await using producer = new Producer({
      bootstrap: server.bootstrap,
      serializeKey: (key: number) => `key-${key}`,
      serializeValue: (value: { readonly n: number }) => JSON.stringify(value),
    });
    await producer.send({ topic, key: 7, value: { n: 1 } });
    const [record] = await read(topic, 1);
    expect([String(record?.key), String(record?.value)]).toEqual(['key-7', '{"n":1}']);
  });

  test('rejects a record that is too large before it leaves, with size and limit', async () => {
    const topic = await newTopic();
    await using producer = newProducer({ maxRequestBytes: 2000, batchBytes: 1000 });
    await expect(producer.send({ topic, value: 'x'.repeat(3000) })).rejects.toMatchObject({
      code: 'RECORD_TOO_LARGE',
      message: expect.stringMatching(/3000 bytes.*2000/) as string,
    });
    await producer.send({ topic, value: 'small' });
  });

  test('rejects what is neither text nor bytes, and partitions that do not exist', async () => {
    const topic = await newTopic(2);
    await using producer = newProducer();
    await producer.send({ topic, value: 'known' });
    const number = 5 as unknown as string;
    await expect(producer.send({ topic, value: number })).rejects.toMatchObject({ code: 'INVALID_RECORD' });
    await expect(producer.send({ topic, value: 'v', partition: 2 })).rejects.toMatchObject({
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
    });
  });

  test('says so when the topic does not exist', async () => {
    await using producer = newProducer({ allowAutoCreate: false });
    await expect(producer.send({ topic: 'nobody-made-this', value: 'v' })).rejects.toMatchObject({
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
    });
    await expect(producer.send({ topic: 'not a name!', value: 'v' })).rejects.toMatchObject({
      code: 'INVALID_TOPIC_EXCEPTION',
    });
  });

  test('waits in line when the buffer is full, and keeps the order', async () => {
    const topic = await newTopic();
    await using producer = newProducer({ bufferMemoryBytes: 20_000, batchBytes: 1024 });
    const sent = Array.from({ length: 120 }, (_, i) => producer.send({ topic, value: `${i}`.padEnd(200) }));
    await producer.flush();
    expect(producer.stats(), 'a flush waits for the line too').toMatchObject({ recordsAcknowledged: 120 });
    await Promise.all(sent);
    expect(valuesOf(await read(topic, 120)).map(Number)).toEqual(Array.from({ length: 120 }, (_, i) => i));
  });

  test('fails with BUFFER_EXHAUSTED what goes beyond the line as well', async () => {
    const topic = await newTopic();
    await using producer = newProducer({ bufferMemoryBytes: 2000, batchBytes: 1000 });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 100 }, () => producer.send({ topic, value: 'x'.repeat(100) })),
    );
    const failed = outcomes.filter(({ status }) => status === 'rejected');
    expect(failed.length).toBeGreaterThan(50);
    expect(failed[0]).toMatchObject({ reason: { code: 'BUFFER_EXHAUSTED', retriable: true } });
    expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(10);
  });
});

describe('sendBatch', () => {
  test('sends more than the buffer holds with one promise, in order within each partition', async () => {
    const topic = await newTopic(3);
    await using producer = newProducer({ bufferMemoryBytes: 20_000, batchBytes: 2000 });
    const records = Array.from({ length: 2000 }, (_, i) => ({ key: `k${i % 20}`, value: `${i}` }));
    const { results } = await producer.sendBatch({ topic, records });
    expect(results.reduce((sum, { recordCount }) => sum + recordCount, 0)).toBe(2000);
    for (const run of results) expect(run.lastOffset - run.firstOffset + 1).toBe(run.recordCount);
    const seen = new Map<number, number>();
    for (const { partition, value } of await read(topic, 2000)) {
      expect(Number(value)).toBeGreaterThan(seen.get(partition) ?? -1);
      seen.set(partition, Number(value));
    }
  });

  test('rejects when any record failed, and says how many', async () => {
    const topic = await newTopic(1, { 'max.message.bytes': '1000' });
    await using producer = newProducer();
    const records = [{ value: 'ok' }, { value: 'x'.repeat(2000) }, { value: 'ok too' }];
    await expect(producer.sendBatch({ topic, records })).rejects.toMatchObject({
      code: 'MESSAGE_TOO_LARGE',
      message: expect.stringMatching(/^1 of 3 records failed, 2 were acknowledged/) as string,
    });
    expect(valuesOf(await read(topic, 2))).toEqual(['ok', 'ok too']);
    expect(producer.stats()).toMatchObject({ recordsAcknowledged: 2, recordsFailed: 1, recordsFailedUnobserved: 0 });
  });
});

describe('enqueue', () => {
  test('returns false when the buffer is full, and takes more after ready', async () => {
    const topic = await newTopic(2);
    await using producer = newProducer({ bufferMemoryBytes: 10_000, batchBytes: 2000 });
    let refusals = 0;
    const delivered: [number, number][] = [];
    for (let i = 0; i < 2000; i++) {
      const record = { topic, key: `k${i % 10}`, value: `${i}`.padEnd(20) };
      while (
        !producer.enqueue(record, (error, partition, offset) => {
          if (error === undefined) delivered.push([partition, offset]);
        })
      ) {
        refusals += 1;
        expect(producer.stats().bytesBuffered).toBeLessThanOrEqual(11_000);
        await producer.ready();
      }
    }
    await producer.flush();
    expect(refusals).toBeGreaterThan(3);
    expect(refusals, 'ready means room for many').toBeLessThan(300);
    expect(new Set(delivered.map(String)).size).toBe(2000);
  });

  test('a callback that throws breaks nothing but itself', async () => {
    const topic = await newTopic();
    await using producer = newProducer();
    const thrown: unknown[] = [];
    const listener = (error: unknown): void => {
      thrown.push(error);
    };
    process.on('uncaughtException', listener);
    try {
      producer.enqueue({ topic, value: 'a' }, () => {
        throw new Error('bug of the program');
      });
      const after = await producer.send({ topic, value: 'b' });
      expect(after.offset).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(thrown).toMatchObject([{ message: 'bug of the program' }]);
    } finally {
      process.off('uncaughtException', listener);
    }
  });
});

describe('failures that nobody awaits', () => {
  test('are thrown by the next flush, once', async () => {
    const topic = await newTopic(1, { 'max.message.bytes': '500' });
    const producer = newProducer();
    producer.send({ topic, value: 'x'.repeat(1000) });
    producer.enqueue({ topic, value: 'y'.repeat(1000) });
    await expect(producer.flush()).rejects.toMatchObject({
      code: 'MESSAGE_TOO_LARGE',
      message: expect.stringMatching(/^2 records failed that nobody awaited/) as string,
    });
    await producer.flush();
    expect(producer.stats().recordsFailedUnobserved).toBe(2);
    producer.send({ topic, value: 'z'.repeat(1000) });
    await expect(producer.close()).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' });
  });

  test('go to onError instead where there is one', async () => {
    const topic = await newTopic(1, { 'max.message.bytes': '500' });
    const failures: UnobservedFailure[] = [];
    await using producer = newProducer({ onError: (_, failure) => failures.push(failure) });
    producer.send({ topic, value: 'x'.repeat(1000) });
    await producer.flush();
    expect(failures).toEqual([{ topic, partition: 0, recordCount: 1 }]);
  });
});

describe('batches on their way', () => {
  test('one that is too large for its topic goes out in pieces', async () => {
    const topic = await newTopic(1, { 'max.message.bytes': '2000' });
    await using producer = newProducer();
    const records = Array.from({ length: 500 }, (_, i) => ({ value: `${i}`.padEnd(50) }));
    const { results } = await producer.sendBatch({ topic, records });
    expect(results.length).toBeGreaterThan(10);
    expect(producer.stats()).toMatchObject({ splits: results.length - 1, epochBumps: 0 });
    expect(valuesOf(await read(topic, 500)).map(Number)).toEqual(Array.from({ length: 500 }, (_, i) => i));
  });

  for (const compression of ['gzip', 'snappy', 'lz4', 'zstd'] as const) {
    test(`compressed with ${compression} come back as they were`, async () => {
      const topic = await newTopic();
      await using producer = newProducer({ compression });
      const records = Array.from({ length: 1000 }, (_, i) => ({ key: `k${i}`, value: `the same text, record ${i}` }));
      await producer.sendBatch({ topic, records });
      expect(valuesOf(await read(topic, 1000))).toEqual(records.map(({ value }) => value));
      expect(producer.stats().bytesAcknowledged).toBeLessThan(20_000);
    });
  }

  test('with acks 1 are acknowledged by the leader; with acks 0 by nobody', async () => {
    const topic = await newTopic();
    await using leader = newProducer({ acks: 1 });
    expect(await leader.send({ topic, value: 'one' })).toMatchObject({ offset: 0 });
    await using nobody = newProducer({ acks: 0 });
    expect(await nobody.send({ topic, value: 'two' })).toMatchObject({ offset: -1 });
    expect(valuesOf(await read(topic, 2))).toEqual(['one', 'two']);
  });

  test('linger until their time unless somebody flushes', async () => {
    const topic = await newTopic();
    await using producer = newProducer({ lingerMs: 60_000 });
    const [a, b] = [producer.send({ topic, value: 'a' }), producer.send({ topic, value: 'b' })];
    await producer.flush();
    expect([(await a).offset, (await b).offset, producer.stats().batchesAcknowledged]).toEqual([0, 1, 1]);
  });
});

describe('close', () => {
  test('flushes first, and refuses records afterwards', async () => {
    const topic = await newTopic();
    const producer = newProducer();
    const sent = producer.send({ topic, value: 'last' });
    await producer.close();
    expect((await sent).offset).toBe(0);
    await expect(producer.send({ topic, value: 'late' })).rejects.toMatchObject({ code: 'PRODUCER_CLOSED' });
    expect(() => producer.enqueue({ topic, value: 'late' })).toThrow(
      expect.objectContaining({ code: 'PRODUCER_CLOSED' }),
    );
    await producer.close();
  });

  test('fails what cannot be delivered in its time', async () => {
    const producer = new Producer({ bootstrap: '127.0.0.1:1' });
    const sent = producer.send({ topic: 'anywhere', value: 'v' });
    const outcome = expect(sent).rejects.toMatchObject({ code: 'PRODUCER_CLOSED' });
    await producer.close({ timeoutMs: 50 });
    await outcome;
  });
});

test('everything has its outcome by the delivery timeout when no node can be reached', async () => {
  const producer = new Producer({ bootstrap: '127.0.0.1:1', deliveryTimeoutMs: 300 });
  const startedMs = performance.now();
  await expect(producer.send({ topic: 'anywhere', value: 'v' })).rejects.toMatchObject({
    code: 'REQUEST_TIMED_OUT',
    retriable: true,
  });
  expect(performance.now() - startedMs).toBeLessThan(3000);
  await producer.close();
});

test.each([
  [{ acks: 2 as unknown as 1 }, /acks is 2/],
  [{ acks: 1, idempotent: true } as const, /idempotent/],
  [{ lingerMs: -1 }, /lingerMs is -1/],
  [{ maxInFlightRequests: 6 }, /maxInFlightRequests is 6/],
  [{ compression: 'brotli' as unknown as 'gzip' }, /compression is brotli/],
  [{ batchBytes: 16 * 1024 * 1024 }, /batchBytes .* maxRequestBytes/],
])('refuses the options %j', (options, message) => {
  expect(() => newProducer(options)).toThrow(
    expect.objectContaining({ code: 'INVALID_CONFIG', message: expect.stringMatching(message) as string }),
  );
});

test('a topic that is created again takes records from the same producer', async () => {
  const topic = await newTopic(3);
  await using producer = newProducer();
  for (let i = 0; i < 6; i++) await producer.send({ topic, partition: i % 3, value: `${i}` });
  await admin.deleteTopic(topic);
  await admin.createTopic({ name: topic, partitions: 2 });
  const again = Array.from({ length: 20 }, (_, i) => producer.send({ topic, key: `k${i}`, value: `${i}` }));
  await Promise.allSettled(again);
  const { results } = await producer.sendBatch({
    topic,
    records: Array.from({ length: 20 }, (_, i) => ({ key: `k${i}`, value: `${i}` })),
  });
  expect(new Set(results.map(({ partition }) => partition))).toEqual(new Set([0, 1]));
  await expect(producer.send({ topic, partition: 2, value: 'gone' })).rejects.toMatchObject({
    code: 'UNKNOWN_TOPIC_OR_PARTITION',
  });
});

test('a node that restarts costs no record, no duplicate and no order', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'millrace-restart-'));
  let node = await startServer({ dataDir, client: '127.0.0.1:0' });
  const client = node.bootstrap;
  const ownAdmin = new Admin({ bootstrap: client });
  await ownAdmin.createTopic({ name: 't', partitions: 2 });
  const producer = new Producer({ bootstrap: client, batchBytes: 1000 });
  const perPartition = 1500;
  const produce = async (partition: number): Promise<void> => {
    for (let i = 0; i < perPartition; i++) {
      while (!producer.enqueue({ topic: 't', partition, value: `${i}` })) await producer.ready();
      if (i % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const producing = Promise.all([produce(0), produce(1)]);
  for (let round = 0; round < 3; round++) {
    await new Promise((resolve) => setTimeout(resolve, 30));
    await node.close();
    node = await startServer({ dataDir, client });
  }
  await producing;
  await producer.flush();
  const consumer = new Consumer({ bootstrap: client, topics: ['t'], from: 'beginning' });
  const seen: number[][] = [[], []];
  let count = 0;
  for await (const { partition, value } of consumer.records({ signal: AbortSignal.timeout(10_000) })) {
    seen[partition]?.push(Number(value));
    if (++count === 2 * perPartition) break;
  }
  const expected = Array.from({ length: perPartition }, (_, i) => i);
  expect(seen).toEqual([expected, expected]);
  expect(await consumer.lag()).toMatchObject([{ lag: 0 }, { lag: 0 }]);
  await Promise.all([consumer.close(), producer.close(), ownAdmin.close()]);
  await node.close();
  rmSync(dataDir, { recursive: true });
});
