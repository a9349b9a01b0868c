import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Admin } from '@millrace/admin';
import { Consumer, type ConsumerOptions } from '@millrace/consumer';
import { startServer, type MillraceServer } from '@millrace/server';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Producer, type ProducerOptions, type Transaction } from '../src/index.js';

let server: MillraceServer;
let admin: Admin;
let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-transactions-'));
  server = await startServer({ dataDir: directory, client: '127.0.0.1:0' });
  admin = new Admin({ bootstrap: server.bootstrap });
});

afterAll(async () => {
  await admin.close();
  await server.close();
  rmSync(directory, { recursive: true });
});

let names = 0;
async function newTopic(partitions = 1, configs: Record<string, string> = {}): Promise<string> {
  const name = `topic-${names++}`;
  await admin.createTopic({ name, partitions, configs });
  return name;
}

function newProducer(options: Partial<ProducerOptions> = {}): Producer {
  return new Producer({ bootstrap: server.bootstrap, transactionalId: `id-${names++}`, ...options });
}

const timeout = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(10_000) });

/** What can be read up to the present end: waits until the last transaction is decided everywhere. */
async function valuesIn(topic: string, isolation: ConsumerOptions['isolation'] = 'read-committed'): Promise<string[]> {
  await using whole = new Consumer({
    bootstrap: server.bootstrap,
    topics: [topic],
    from: 'beginning',
    isolation: 'read-uncommitted',
  });
  await using consumer = new Consumer({ bootstrap: server.bootstrap, topics: [topic], from: 'beginning', isolation });
  await whole.ready(timeout());
  await consumer.ready(timeout());
  const values: string[] = [];
  const partitions = consumer.assignment();
  const ends = await whole.endOffsets(partitions, timeout());
  const reading = (async () => {
    for await (const record of consumer.records(timeout())) values.push(String(record.value));
  })();
  const isThere = (): boolean => ends.every((end) => (consumer.position(end) ?? -1) >= end.offset);
  while (!isThere() && !timeoutOver()) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(isThere()).toBe(true);
  await consumer.close();
  await reading;
  return values;
}

let deadline = 0;
function timeoutOver(): boolean {
  deadline ||= Date.now() + 120_000;
  return Date.now() > deadline;
}

describe('a transaction', () => {
  test('is read as a whole once it is committed, over all its topics and partitions, and not before', async () => {
    const [orders, payments] = [await newTopic(3), await newTopic()];
    await using producer = newProducer();
    await using consumer = new Consumer({ bootstrap: server.bootstrap, topics: [orders, payments], from: 'beginning' });
    await consumer.ready(timeout());
    const result = await producer.transaction(async (tx) => {
      for (let partition = 0; partition < 3; partition++)
        await tx.send({ topic: orders, partition, value: `o${partition}` });
      await tx.send({ topic: payments, value: 'p' });
      const ends = await consumer.endOffsets();
      expect(ends.map(({ offset }) => offset)).toEqual([0, 0, 0, 0]);
      return 'done';
    });
    expect(result).toBe('done');
    expect((await valuesIn(orders)).sort()).toEqual(['o0', 'o1', 'o2']);
    expect(await valuesIn(payments)).toEqual(['p']);
  });

  test('follows another without a gap, hundreds of records or none in each, and order is kept', async () => {
    const topic = await newTopic();
    await using producer = newProducer({ compression: 'lz4' });
    const expected: string[] = [];
    for (let round = 0; round < 6; round++) {
      await producer.transaction((tx) => {
        for (let index = 0; index < round * 100; index++) {
          expected.push(`${round}/${index}`);
          expect(tx.enqueue({ topic, value: `${round}/${index}` })).toBe(true);
        }
      });
    }
    expect(await valuesIn(topic)).toEqual(expected);
  });

  test('that is aborted is read by nobody, but for those who read what is not committed', async () => {
    const topic = await newTopic(2);
    await using producer = newProducer();
    await producer.transaction((tx) => tx.send({ topic, partition: 0, value: 'kept' }));
    const tx = await producer.beginTransaction();
    await tx.send({ topic, partition: 0, value: 'dropped' });
    await tx.send({ topic, partition: 1, value: 'dropped' });
    await tx.abort();
    await tx.abort();
    await producer.transaction((next) => next.send({ topic, partition: 0, value: 'kept too' }));
    expect(await valuesIn(topic)).toEqual(['kept', 'kept too']);
    expect((await valuesIn(topic, 'read-uncommitted')).sort()).toEqual(['dropped', 'dropped', 'kept', 'kept too']);
  });

  test('whose work fails is aborted, with the error of the work, and the next goes on', async () => {
    const topic = await newTopic();
    await using producer = newProducer();
    const broken = producer.transaction(async (tx) => {
      await tx.send({ topic, value: 'dropped' });
      throw new Error('out of paper');
    });
    await expect(broken).rejects.toThrow('out of paper');
    await producer.transaction((tx) => tx.send({ topic, value: 'kept' }));
    expect(await valuesIn(topic)).toEqual(['kept']);
  });

  test('with a record that nobody awaited and that failed is not committed', async () => {
    const topic = await newTopic(1, { 'max.message.bytes': '2000' });
    await using producer = newProducer();
    const broken = producer.transaction((tx) => {
      tx.send({ topic, value: 'dropped' });
      tx.send({ topic, value: 'x'.repeat(5000) });
    });
    await expect(broken).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' });
    await producer.transaction((tx) => tx.send({ topic, value: 'kept' }));
    expect(await valuesIn(topic)).toEqual(['kept']);
  });

  test('takes nothing after something of it has failed, nor after its end', async () => {
    const topic = await newTopic(1, { 'max.message.bytes': '2000' });
    await using producer = newProducer();
    const tx = await producer.beginTransaction();
    await expect(tx.send({ topic, value: 'x'.repeat(5000) })).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' });
    expect(tx.failure).toMatchObject({ code: 'MESSAGE_TOO_LARGE' });
    expect(() => tx.enqueue({ topic, value: 'more' })).toThrow(
      expect.objectContaining({ code: 'TRANSACTION_ABORTABLE' }),
    );
    await expect(tx.commit()).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' });
    await tx.abort();
    expect(() => tx.send({ topic, value: 'more' })).toThrow(expect.objectContaining({ code: 'INVALID_TXN_STATE' }));
    await expect(tx.commit()).rejects.toMatchObject({ code: 'INVALID_TXN_STATE' });
  });

  test('is one at a time, and everything is sent in one', async () => {
    const topic = await newTopic();
    await using producer = newProducer();
    const tx = await producer.beginTransaction();
    await expect(producer.beginTransaction()).rejects.toMatchObject({ code: 'INVALID_TXN_STATE' });
    expect(() => producer.send({ topic, value: 'v' })).toThrow(expect.objectContaining({ code: 'INVALID_TXN_STATE' }));
    await tx.commit();
    await using plain = new Producer({ bootstrap: server.bootstrap });
    await expect(plain.beginTransaction()).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
  });

  test('that is open for too long is aborted by the cluster, which the commit tells', async () => {
    const topic = await newTopic();
    await using producer = newProducer({ transactionTimeoutMs: 300 });
    const tx = await producer.beginTransaction();
    await tx.send({ topic, value: 'dropped' });
    // Until its end can be read: then it was aborted.
    await using consumer = new Consumer({ bootstrap: server.bootstrap, topics: [topic], from: 'beginning' });
    await consumer.ready(timeout());
    while ((await consumer.endOffsets())[0]?.offset === 0) await new Promise((resolve) => setTimeout(resolve, 50));
    await expect(tx.commit()).rejects.toMatchObject({ code: 'TRANSACTION_ABORTABLE' });
    await producer.transaction((next) => next.send({ topic, value: 'kept' }));
    expect(await valuesIn(topic)).toEqual(['kept']);
  });

  test('is aborted when its producer is closed', async () => {
    const topic = await newTopic();
    const producer = newProducer();
    const tx = await producer.beginTransaction();
    await tx.send({ topic, value: 'dropped' });
    tx.enqueue({ topic, value: 'dropped too' });
    await producer.close();
    await expect(tx.commit()).rejects.toMatchObject({ code: expect.any(String) as string });
    expect(await valuesIn(topic)).toEqual([]);
  });
});

describe('a second producer with the same transactional id', () => {
  test('aborts what the first left open, and shuts it out for good, with an error that says what to do', async () => {
    const topic = await newTopic();
    const transactionalId = `shared-${topic}`;
    await using first = newProducer({ transactionalId });
    const old = await first.beginTransaction();
    await old.send({ topic, value: 'of a zombie' });
    await using second = newProducer({ transactionalId });
    await second.transaction((tx) => tx.send({ topic, value: 'kept' }));
    await expect(Promise.resolve(old.send({ topic, value: 'late' }))).rejects.toMatchObject({
      code: expect.stringMatching(/INVALID_PRODUCER_EPOCH|PRODUCER_FENCED/) as string,
    });
    await expect(old.abort()).rejects.toMatchObject({ code: 'PRODUCER_FENCED' });
    await expect(first.beginTransaction()).rejects.toThrow(/Another producer with transactional id .* Close it/);
    await second.transaction((tx) => tx.send({ topic, value: 'kept too' }));
    expect(await valuesIn(topic)).toEqual(['kept', 'kept too']);
  });

  test('makes the commit of the first fail, not its own', async () => {
    const topic = await newTopic();
    const transactionalId = `shared-${topic}`;
    await using first = newProducer({ transactionalId });
    const old = await first.beginTransaction();
    await old.send({ topic, value: 'of a zombie' });
    await using second = newProducer({ transactionalId });
    const tx = await second.beginTransaction();
    await tx.send({ topic, value: 'kept' });
    await expect(old.commit()).rejects.toMatchObject({ code: 'PRODUCER_FENCED' });
    await tx.commit();
    expect(await valuesIn(topic)).toEqual(['kept']);
  });
});

describe('offsets in a transaction', () => {
  async function committed(group: string, topic: string): Promise<number | undefined> {
    await using consumer = new Consumer({ bootstrap: server.bootstrap, group, topics: [topic], autoCommit: false });
    const [found] = await consumer.committed([{ topic, partition: 0 }], timeout());
    return found?.offset;
  }

  test('count when it is committed, and not when it is aborted', async () => {
    const topic = await newTopic();
    await using producer = newProducer();
    const group = `group-${topic}`;
    await producer.transaction((tx) => tx.sendOffsets([{ topic, partition: 0, offset: 3 }], group));
    expect(await committed(group, topic)).toBe(3);
    const tx = await producer.beginTransaction();
    await tx.sendOffsets([{ topic, partition: 0, offset: 7 }], group);
    await tx.abort();
    expect(await committed(group, topic)).toBe(3);
    await producer.transaction((next) => next.sendOffsets([{ topic, partition: 0, offset: 5 }], group));
    expect(await committed(group, topic)).toBe(5);
  });

  test('that are refused fail the transaction', async () => {
    const topic = await newTopic();
    await using producer = newProducer();
    const tx = await producer.beginTransaction();
    await tx.send({ topic, value: 'dropped' });
    const stranger = { group: 'strangers', memberId: 'nobody', memberEpoch: 1, instanceId: null };
    const offsets = tx.sendOffsets([{ topic, partition: 0, offset: 1 }], stranger);
    await expect(offsets).rejects.toMatchObject({ code: 'UNKNOWN_MEMBER_ID' });
    await expect(tx.commit()).rejects.toMatchObject({ code: 'UNKNOWN_MEMBER_ID' });
    expect(await valuesIn(topic)).toEqual([]);
  });

  test('of a consumer need its automatic commits to be off', async () => {
    const topic = await newTopic();
    await using producer = newProducer();
    await using consumer = new Consumer({ bootstrap: server.bootstrap, group: `auto-${topic}`, topics: [topic] });
    const work = producer.transaction((tx) => tx.commitOffsets(consumer));
    await expect(work).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
  });
});

describe('consume, transform, produce', () => {
  const upper = (tx: Transaction, output: string, values: Iterable<string>): void => {
    for (const value of values) tx.enqueue({ topic: output, value: value.toUpperCase() });
  };

  test('brings every record over exactly once, though transactions fail in between and a member leaves', async () => {
    const [input, output] = [await newTopic(4), await newTopic(2)];
    await using source = new Producer({ bootstrap: server.bootstrap, batchBytes: 1000 });
    const total = 2000;
    for (let index = 0; index < total; index++) {
      while (!source.enqueue({ topic: input, key: `k${index % 50}`, value: `v${index}` })) await source.ready();
    }
    await source.flush();
    let done = 0;
    let attempts = 0;
    const start = (member: number): { stop: () => Promise<void>; ended: Promise<void> } => {
      const producer = newProducer({ transactionalId: `${output}-${member}` });
      const consumer = new Consumer({
        bootstrap: server.bootstrap,
        group: `g-${input}`,
        topics: [input],
        from: 'beginning',
        delivery: 'exactly-once',
        partitionFetchMaxBytes: 2000,
      });
      const ended = consumer.transact({
        producer,
        eachBatch: async (batch, tx) => {
          const values = [...batch].map(({ value }) => String(value));
          upper(tx, output, values);
          attempts += 1;
          // The cluster may end a transaction at any time; here it is one whose offsets are refused.
          if (attempts % 5 === 0) {
            const stranger = { group: 'strangers', memberId: 'nobody', memberEpoch: 1, instanceId: null };
            await tx.sendOffsets([{ topic: input, partition: 0, offset: 1 }], stranger).catch(() => undefined);
          }
          done += values.length;
        },
      });
      const stop = async (): Promise<void> => {
        await consumer.close();
        await ended;
        await producer.close();
      };
      return { stop, ended };
    };
    const members = [start(1), start(2)];
    while (done < total / 3) await new Promise((resolve) => setTimeout(resolve, 10));
    await members[0]?.stop();
    const read = new Consumer({ bootstrap: server.bootstrap, topics: [output], from: 'beginning' });
    const seen: string[] = [];
    for await (const record of read.records({ signal: AbortSignal.timeout(30_000) })) {
      seen.push(String(record.value));
      if (seen.length === total) break;
    }
    await read.close();
    await members[1]?.stop();
    expect(attempts).toBeGreaterThan(5);
    expect((await valuesIn(output)).sort()).toEqual(Array.from({ length: total }, (_, index) => `V${index}`).sort());
  });

  test('ends with the error of the work, and the records are there for whoever comes next', async () => {
    const [input, output] = [await newTopic(), await newTopic()];
    await using source = new Producer({ bootstrap: server.bootstrap });
    await source.send({ topic: input, value: 'a' });
    await using producer = newProducer();
    await using consumer = new Consumer({
      bootstrap: server.bootstrap,
      group: `g-${input}`,
      topics: [input],
      from: 'beginning',
      delivery: 'exactly-once',
    });
    const failing = consumer.transact({
      producer,
      eachBatch: (batch, tx) => {
        upper(tx, output, ['dropped']);
        throw new Error(`no luck with ${batch.topic}`);
      },
    });
    await expect(failing).rejects.toThrow('no luck');
    const ended = consumer.transact({
      producer,
      eachBatch: (batch, tx) => {
        upper(
          tx,
          output,
          [...batch].map(({ value }) => String(value)),
        );
        setTimeout(() => void consumer.close(), 0);
      },
    });
    await ended;
    expect(await valuesIn(output)).toEqual(['A']);
  });
});
