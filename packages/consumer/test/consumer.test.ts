import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Admin } from '@millrace/admin';
import { Producer } from '@millrace/producer';
import { startServer } from '@millrace/server';
import { describe, expect, test } from 'vitest';
import { Consumer, type ConsumerRecord } from '../src/index.js';
import { offsetsOf, soon, take, testNode } from './test-node.js';

const node = testNode();

describe('a consumer starts', () => {
  test('at the beginning', async () => {
    const topic = await node.topicWith(3);
    await using consumer = node.consumer({ topics: [topic], from: 'beginning' });
    expect((await take(consumer, 3)).map(({ value }) => String(value))).toEqual(['v0', 'v1', 'v2']);
  });

  test('at the end, by default', async () => {
    const topic = await node.topicWith(3);
    await using consumer = node.consumer({ topics: [topic] });
    const next = consumer.records(soon()).next();
    while (consumer.assignment().length === 0 || consumer.position({ topic, partition: 0 }) === undefined) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await node.add(topic, 1, { from: 3 });
    expect(((await next).value as ConsumerRecord).offset).toBe(3);
  });

  test('at the end as of ready, so that nothing written afterwards is missed', async () => {
    const topic = await node.topicWith(2, 3);
    await using consumer = node.consumer({ topics: [topic], from: 'end' });
    await consumer.ready(soon());
    expect(await consumer.endOffsets()).toHaveLength(3);
    for (const partition of [0, 1, 2]) await node.add(topic, 1, { from: 2, partition });
    expect((await take(consumer, 3)).map(({ offset }) => offset)).toEqual([2, 2, 2]);
  });

  test('not at all in a cluster that does not answer, and ready says so', async () => {
    await using consumer = node.consumer({ bootstrap: '127.0.0.1:1', topics: ['any'] });
    await expect(consumer.ready({ signal: AbortSignal.timeout(200) })).rejects.toThrow(/timeout/i);
  });

  test('at an offset, or the first record at or after a time', async () => {
    const topic = await node.topicWith(10);
    await using byOffset = node.consumer({ topics: [topic], from: { offset: 7 } });
    expect(offsetsOf(await take(byOffset, 3))).toEqual([7, 8, 9]);
    await using byTime = node.consumer({ topics: [topic], from: { timestampMs: 1004 } });
    expect(offsetsOf(await take(byTime, 6))).toEqual([4, 5, 6, 7, 8, 9]);
  });

  test('with partitions of its own choice, each where it is told', async () => {
    const topic = await node.topicWith(5, 3);
    await using consumer = node.consumer({
      from: 'beginning',
      assignments: [
        { topic, partition: 0, from: { offset: 4 } },
        { topic, partition: 2 },
      ],
    });
    const records = await take(consumer, 6);
    expect(records.filter(({ partition }) => partition === 0).map(({ offset }) => offset)).toEqual([4]);
    expect(records.filter(({ partition }) => partition === 2).map(({ offset }) => offset)).toEqual([0, 1, 2, 3, 4]);
    expect(consumer.assignment()).toEqual([
      { topic, partition: 0 },
      { topic, partition: 2 },
    ]);
  });
});

describe('iteration', () => {
  test('goes on where it stopped, by record or by batch', async () => {
    const topic = await node.topicWith(0);
    await node.add(topic, 10);
    await node.add(topic, 10, { from: 10 });
    await using consumer = node.consumer({ topics: [topic], from: 'beginning' });
    expect(offsetsOf(await take(consumer, 4))).toEqual([0, 1, 2, 3]);
    expect(consumer.position({ topic, partition: 0 })).toBe(4);
    const offsets: number[] = [];
    for await (const batch of consumer.batches(soon())) {
      expect(batch).toMatchObject({ topic, partition: 0, highWatermark: 20 });
      for (const { offset } of batch) offsets.push(offset);
      if (batch.nextOffset === 20) break;
    }
    expect(offsets).toEqual(Array.from({ length: 16 }, (_, i) => i + 4));
    expect(consumer.position({ topic, partition: 0 })).toBe(20);
  });

  test('waits for records that are still to come', async () => {
    const topic = await node.topicWith(0);
    await using consumer = node.consumer({ topics: [topic], from: 'beginning' });
    const first = take(consumer, 2);
    await node.add(topic, 1);
    await node.add(topic, 1, { from: 1 });
    expect(offsetsOf(await first)).toEqual([0, 1]);
  });

  test('ends with the signal’s reason, and with close', async () => {
    const topic = await node.topicWith(0);
    const consumer = node.consumer({ topics: [topic], from: 'beginning' });
    const abort = new AbortController();
    const aborted = consumer.records({ signal: abort.signal }).next();
    abort.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    const closed = consumer.records().next();
    await consumer.close();
    expect(await closed).toEqual({ done: true, value: undefined });
    expect(await consumer.records().next()).toEqual({ done: true, value: undefined });
  });

  test('gives keys and values as the deserializers make them', async () => {
    const topic = await node.topicWith(2);
    await using consumer = new Consumer({
      bootstrap: node.bootstrap,
      topics: [topic],
      from: 'beginning',
      deserializeKey: (key) => key?.length ?? -1,
      deserializeValue: (value) => Buffer.from(value ?? []).toString(),
    });
    const { value: record } = (await consumer.records(soon()).next()) as { value: ConsumerRecord<number, string> };
    expect([record.key, record.value.toUpperCase()]).toEqual([-1, 'V0']);
  });

  test('reads a large topic through a small prefetch bound', async () => {
    const topic = await node.topicWith(0, 3);
    const value = 'x'.repeat(1000);
    for (let round = 0; round < 5; round++) {
      const records = Array.from({ length: 300 }, (_, i) => ({ partition: i % 3, value }));
      await node.producer.sendBatch({ topic, records });
    }
    await using consumer = node.consumer({
      topics: [topic],
      from: 'beginning',
      prefetchBytes: 100_000,
      partitionFetchMaxBytes: 20_000,
    });
    const next = [0, 0, 0];
    for (const { partition, offset } of await take(consumer, 1500)) expect(offset).toBe(next[partition]!++);
    expect(next).toEqual([500, 500, 500]);
  });
});

describe('memory of batches', () => {
  test('that were released is used again, and never that of records which are kept', async () => {
    const topic = await node.topicWith(0);
    const count = 4000;
    const values = Array.from({ length: count }, (_, i) => `${i}-`.repeat(100));
    await node.producer.sendBatch({ topic, records: values.map((value) => ({ value })) });
    // So small that there are many replies, so large that each takes several reads of the socket.
    await using consumer = node.consumer({ topics: [topic], from: 'beginning', partitionFetchMaxBytes: 400_000 });
    const kept: ConsumerRecord[] = [];
    const keptValues: (Uint8Array | null)[] = [];
    let received = 0;
    for (let pass = 0; pass < 8; pass++) {
      for await (const batch of consumer.batches(soon())) {
        const isKept = (received += 1) % 3 === 0;
        for (const record of batch) {
          expect(String(record.value)).toBe(values[record.offset]);
          if (!isKept) continue;
          kept.push(record);
          keptValues.push(record.value);
        }
        if (!isKept) batch.release();
        if (batch.nextOffset === count) break;
      }
      consumer.seek({ topic, partition: 0 }, 'beginning');
    }
    expect(kept.length).toBeGreaterThan(count);
    expect(kept.every((record) => String(record.value) === values[record.offset])).toBe(true);
    expect(keptValues.every((value, index) => String(value) === values[kept[index]?.offset ?? -1])).toBe(true);
  });

  test('that were released cannot be read: not the batch, not its records', async () => {
    const topic = await node.topicWith(3);
    await using consumer = node.consumer({ topics: [topic], from: 'beginning' });
    for await (const batch of consumer.batches(soon())) {
      const [first] = batch;
      batch.release();
      batch.release();
      const released = expect.objectContaining({ code: 'BATCH_RELEASED' }) as Error;
      expect(() => [...batch]).toThrow(released);
      expect(() => first?.value).toThrow(released);
      break;
    }
    expect((await take(consumer, 0)).length).toBe(0);
  });

  test('that were released and not worked off is fetched anew', async () => {
    const topic = await node.topicWith(5);
    await using consumer = node.consumer({ topics: [topic], from: 'beginning' });
    const failing = consumer.run({
      eachBatch: (batch) => {
        batch.release();
        throw new Error('the program failed');
      },
    });
    await expect(failing).rejects.toThrow('the program failed');
    expect((await take(consumer, 5)).map(({ value }) => String(value))).toEqual(['v0', 'v1', 'v2', 'v3', 'v4']);
  });
});

describe('positions', () => {
  test('move with seek, back and forth, also while iterating', async () => {
    const topic = await node.topicWith(10);
    await using consumer = node.consumer({ topics: [topic], from: 'beginning' });
    const seen: number[] = [];
    for await (const { offset } of consumer.records(soon())) {
      seen.push(offset);
      if (seen.length === 2) consumer.seek({ topic, partition: 0 }, { offset: 8 });
      if (seen.length === 4) consumer.seek({ topic, partition: 0 }, 'beginning');
      if (seen.length === 6) break;
    }
    expect(seen).toEqual([0, 1, 8, 9, 0, 1]);
  });

  test('are compared with the end by lag', async () => {
    const topic = await node.topicWith(10, 2);
    await using consumer = node.consumer({
      assignments: [0, 1].map((partition) => ({ topic, partition, from: 'beginning' })),
    });
    expect(await consumer.endOffsets()).toEqual([0, 1].map((partition) => ({ topic, partition, offset: 10 })));
    await take(consumer, 15);
    const lags = await consumer.lag();
    expect(lags.reduce((sum, { lag }) => sum + lag, 0)).toBe(5);
  });

  test('of a paused partition stand still; others go on', async () => {
    const topic = await node.topicWith(3, 2);
    await using consumer = node.consumer({
      assignments: [0, 1].map((partition) => ({ topic, partition, from: 'beginning' })),
    });
    const paused = { topic, partition: 0 };
    consumer.pause([paused]);
    expect((await take(consumer, 3)).map(({ partition }) => partition)).toEqual([1, 1, 1]);
    consumer.resume([paused]);
    expect((await take(consumer, 3)).map(({ partition, offset }) => [partition, offset])).toEqual([
      [0, 0],
      [0, 1],
      [0, 2],
    ]);
  });

  test('are kept by assign for partitions that stay', async () => {
    const topic = await node.topicWith(5, 2);
    await using consumer = node.consumer({ assignments: [{ topic, partition: 0, from: 'beginning' }] });
    await take(consumer, 2);
    consumer.assign([
      { topic, partition: 0 },
      { topic, partition: 1, from: { offset: 3 } },
    ]);
    const records = await take(consumer, 5);
    expect(offsetsOf(records.filter(({ partition }) => partition === 0))).toEqual([2, 3, 4]);
    expect(offsetsOf(records.filter(({ partition }) => partition === 1))).toEqual([3, 4]);
    expect(() => consumer.seek({ topic, partition: 9 }, 'end')).toThrow(
      expect.objectContaining({ code: 'UNKNOWN_TOPIC_OR_PARTITION' }),
    );
  });

  test('that were deleted follow autoOffsetReset', async () => {
    const topic = await node.topicWith(10);
    await node.admin.deleteRecords([{ topic, partition: 0, beforeOffset: 6 }]);
    await using earliest = node.consumer({ topics: [topic], from: { offset: 2 } });
    expect(offsetsOf(await take(earliest, 4))).toEqual([6, 7, 8, 9]);
    await using strict = node.consumer({ topics: [topic], from: { offset: 2 }, autoOffsetReset: 'error' });
    await expect(take(strict, 1)).rejects.toMatchObject({
      code: 'OFFSET_OUT_OF_RANGE',
      topic,
      partition: 0,
      offset: 2,
    });
    strict.seek({ topic, partition: 0 }, { offset: 9 });
    expect(offsetsOf(await take(strict, 1))).toEqual([9]);
  });
});

describe('topics', () => {
  test('that grow are read from the beginning of their new partitions', async () => {
    const topic = await node.topicWith(1);
    await using consumer = node.consumer({ topics: [topic], from: 'end', metadataMaxAgeMs: 50 });
    const next = consumer.records(soon()).next();
    while (consumer.assignment().length === 0 || consumer.position({ topic, partition: 0 }) === undefined) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await node.admin.createPartitions(topic, 2);
    await using late = new Producer({ bootstrap: node.bootstrap });
    await late.send({ topic, partition: 1, value: 'first of the new partition' });
    expect((await next).value).toMatchObject({ partition: 1, offset: 0 });
  });

  test('that are created again are read anew', async () => {
    const topic = await node.topicWith(5);
    await using consumer = node.consumer({ topics: [topic], from: 'beginning', metadataMaxAgeMs: 50 });
    await take(consumer, 5);
    await node.admin.deleteTopic(topic);
    await node.admin.createTopic({ name: topic });
    await using late = new Producer({ bootstrap: node.bootstrap });
    await late.send({ topic, value: 'new' });
    const [record] = await take(consumer, 1);
    expect([record?.offset, String(record?.value)]).toEqual([0, 'new']);
  });

  test('that do not exist end the wait with an error', async () => {
    await using consumer = node.consumer({ topics: ['nobody-made-this'] });
    await expect(take(consumer, 1)).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' });
    const topic = await node.topicWith(0);
    await using tooFar = node.consumer({ assignments: [{ topic, partition: 4 }] });
    await expect(take(tooFar, 1)).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', partition: 4 });
  });
});

describe('run', () => {
  test('keeps the order within a partition and works on several at a time', async () => {
    const topic = await node.topicWith(30, 3);
    await using consumer = node.consumer({ topics: [topic], from: 'beginning' });
    const next = [0, 0, 0];
    const busy = new Set<number>();
    let most = 0;
    let count = 0;
    await consumer.run({
      concurrency: 2,
      eachRecord: async ({ partition, offset }) => {
        expect(busy.has(partition)).toBe(false);
        busy.add(partition);
        most = Math.max(most, busy.size);
        await new Promise((resolve) => setTimeout(resolve, 1));
        expect(offset).toBe(next[partition]!++);
        busy.delete(partition);
        if (++count === 90) await consumer.close();
      },
    });
    expect([most, next]).toEqual([2, [30, 30, 30]]);
  });

  test('rejects with the first error, and can go on at the record that failed', async () => {
    const topic = await node.topicWith(5);
    await using consumer = node.consumer({ topics: [topic], from: 'beginning' });
    const seen: number[] = [];
    const failing = consumer.run({
      eachRecord: ({ offset }) => {
        if (offset === 2) throw new Error('not this one');
        seen.push(offset);
      },
    });
    await expect(failing).rejects.toThrow('not this one');
    expect(consumer.position({ topic, partition: 0 })).toBe(2);
    expect([seen, offsetsOf(await take(consumer, 3))]).toEqual([
      [0, 1],
      [2, 3, 4],
    ]);
  });

  test('hands over batches, and stops when its signal is given', async () => {
    const topic = await node.topicWith(5);
    await using consumer = node.consumer({ topics: [topic], from: 'beginning' });
    const abort = new AbortController();
    let count = 0;
    const running = consumer.run({
      signal: abort.signal,
      eachBatch: (batch) => {
        for (const record of batch) count += record.offset >= 0 ? 1 : 0;
        abort.abort(new Error('stop'));
      },
    });
    await expect(running).rejects.toThrow('stop');
    expect(count).toBe(5);
  });
});

test.each([
  [{ group: '', topics: ['t'] }, 'INVALID_CONFIG'],
  [{ topics: ['t'], assignments: [] }, 'INVALID_CONFIG'],
  [{ topics: ['t'], from: { offset: -1 } }, 'INVALID_CONFIG'],
  [{ topics: ['t'], prefetchBytes: 0 }, 'INVALID_CONFIG'],
  [{ topics: ['t'], autoOffsetReset: 'never' as 'error' }, 'INVALID_CONFIG'],
])('refuses the options %j', (options, code) => {
  expect(() => node.consumer(options)).toThrow(expect.objectContaining({ code }));
});

test('gives up on a cluster that never answers', async () => {
  const consumer = new Consumer({ bootstrap: '127.0.0.1:1', topics: ['t'], requestTimeoutMs: 200 });
  await expect(consumer.records().next()).rejects.toMatchObject({ retriable: true });
  await consumer.close();
});

test('reads on after its node restarts, without a gap or a repetition', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'millrace-restart-'));
  let restarted = await startServer({ dataDir, client: '127.0.0.1:0' });
  const client = restarted.bootstrap;
  const own = new Producer({ bootstrap: client });
  const ownAdmin = new Admin({ bootstrap: client });
  await ownAdmin.createTopic({ name: 't' });
  const consumer = new Consumer({ bootstrap: client, topics: ['t'], from: 'beginning' });
  const reading = take(consumer, 100);
  for (let i = 0; i < 100; i++) {
    await own.send({ topic: 't', value: `${i}` });
    if (i % 40 !== 20) continue;
    await restarted.close();
    restarted = await startServer({ dataDir, client });
  }
  expect(offsetsOf(await reading)).toEqual(Array.from({ length: 100 }, (_, i) => i));
  await Promise.all([consumer.close(), own.close(), ownAdmin.close()]);
  await restarted.close();
  rmSync(dataDir, { recursive: true });
});
