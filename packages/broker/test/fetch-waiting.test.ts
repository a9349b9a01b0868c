import { deleteTopicsApi } from '@millrace/protocol';
import { describe, expect, test } from 'vitest';
import { batchOf, errorName, fetchFrom, NodeFixture, produce } from './node-fixture.js';
import type { RawClient } from './raw-client.js';

/** A topic with one record in it, and two clients. */
async function fixture(): Promise<{ node: NodeFixture; reader: RawClient; writer: RawClient; topicId: string }> {
  const node = await NodeFixture.start({ link: { delayMinMs: 0.1, delayMaxMs: 0.1 } });
  const reader = await node.client(7400, 'reader');
  const writer = await node.client(7400, 'writer');
  const topicId = await node.topic(writer, 'orders', 3);
  await node.complete(produce(writer, [{ topicId, batch: batchOf(['first']) }]));
  return { node, reader, writer, topicId };
}

async function timed<Value>(node: NodeFixture, promise: Promise<Value>): Promise<{ value: Value; ms: number }> {
  const startMs = node.simulation.nowMs;
  const value = await node.complete(promise);
  return { value, ms: node.simulation.nowMs - startMs };
}

describe('a fetch at the end of the log', () => {
  test('waits for maxWaitMs, at most a few ticks longer, and then says that there is nothing', async () => {
    const { node, reader, topicId } = await fixture();
    const { value, ms } = await timed(node, fetchFrom(reader, [{ topicId, offset: 1 }], { maxWaitMs: 500 }));
    expect(value.values).toEqual([[]]);
    expect(ms).toBeGreaterThanOrEqual(500);
    expect(ms).toBeLessThan(530);
  });

  test('is answered as soon as a record is committed, not only appended', async () => {
    const { node, reader, writer, topicId } = await fixture();
    node.simulation.setDiskLatency('node', { minMs: 100, maxMs: 100 });
    const waiting = fetchFrom(reader, [{ topicId, offset: 1 }], { maxWaitMs: 60_000 });
    await node.simulation.runFor(50);
    const startMs = node.simulation.nowMs;
    const produced = produce(writer, [{ topicId, batch: batchOf(['second']) }]);
    const { value } = await timed(node, waiting);
    expect(value.values).toEqual([['second']]);
    const ms = node.simulation.nowMs - startMs;
    expect(ms).toBeGreaterThanOrEqual(100);
    expect(ms).toBeLessThan(110);
    await node.complete(produced);
  });

  test('any of its partitions wakes it', async () => {
    const { node, reader, writer, topicId } = await fixture();
    const entries = [0, 1, 2].map((partition) => ({ topicId, partition, offset: partition === 0 ? 1 : 0 }));
    const waiting = fetchFrom(reader, entries, { maxWaitMs: 60_000 });
    await node.simulation.runFor(20);
    await node.complete(produce(writer, [{ topicId, partition: 2, batch: batchOf(['x']) }]));
    expect((await node.complete(waiting)).values).toEqual([[], [], ['x']]);
    expect(node.simulation.nowMs).toBeLessThan(1000);
  });

  test('waits until minBytes are there, however many small batches that takes', async () => {
    const { node, reader, writer, topicId } = await fixture();
    const batchBytes = batchOf(['0123456789']).length;
    const waiting = fetchFrom(reader, [{ topicId, offset: 1 }], { maxWaitMs: 60_000, minBytes: 3 * batchBytes });
    let isAnswered = false;
    void waiting.then(() => (isAnswered = true));
    for (let count = 1; count <= 3; count++) {
      expect(isAnswered).toBe(false);
      await node.complete(produce(writer, [{ topicId, batch: batchOf(['0123456789']) }]));
      await node.simulation.runFor(20);
    }
    expect(isAnswered).toBe(true);
    expect((await node.complete(waiting)).values).toEqual([['0123456789', '0123456789', '0123456789']]);
  });

  test('what is there but less than minBytes is given at the deadline', async () => {
    const { node, reader, topicId } = await fixture();
    const options = { maxWaitMs: 200, minBytes: 100_000 };
    const { value, ms } = await timed(node, fetchFrom(reader, [{ topicId, offset: 0 }], options));
    expect(value.values).toEqual([['first']]);
    expect(ms).toBeGreaterThanOrEqual(200);
  });

  test('an error of one partition is answered at once, with the records of the others', async () => {
    const { node, reader, topicId } = await fixture();
    const entries = [
      { topicId, offset: 0 },
      { topicId, partition: 9, offset: 0 },
      { topicId, offset: 77 },
    ];
    const options = { maxWaitMs: 60_000, minBytes: 100_000 };
    const { value, ms } = await timed(node, fetchFrom(reader, entries, options));
    expect(value.partitions.map(({ error }) => errorName(error))).toEqual([
      'NONE',
      'UNKNOWN_TOPIC_OR_PARTITION',
      'OFFSET_OUT_OF_RANGE',
    ]);
    expect(value.values[0]).toEqual(['first']);
    expect(ms).toBeLessThan(50);
  });

  test('deleting the topic wakes it with the reason', async () => {
    const { node, reader, writer, topicId } = await fixture();
    const waiting = fetchFrom(reader, [{ topicId, offset: 1 }], { maxWaitMs: 60_000 });
    await node.simulation.runFor(20);
    await node.complete(writer.call(deleteTopicsApi, { topics: [{ name: 'orders', topicId: null }], timeoutMs: 1000 }));
    const { partitions } = await node.complete(waiting);
    expect(errorName(partitions[0]?.error)).toBe('UNKNOWN_TOPIC_ID');
    expect(node.simulation.nowMs).toBeLessThan(10_000);
  });

  test('counts what is committed while it reads from the disk', async () => {
    const { node, writer: before, topicId } = await fixture();
    await node.complete(produce(before, [{ topicId, batch: batchOf(['second']) }]));
    await node.stop();
    node.simulation.kill('node');
    // After a restart nothing is in memory: the first read goes to the disk, and takes its time.
    await node.startNode(node.simulation.restart('node'));
    const reader = await node.client(7400, 'reader');
    const writer = await node.client(7400, 'writer');
    node.simulation.setDiskLatency('node', { minMs: 200, maxMs: 200 });
    const options = { maxWaitMs: 60_000, minBytes: 3 * batchOf(['second']).length };
    const startMs = node.simulation.nowMs;
    const waiting = fetchFrom(reader, [{ topicId, offset: 0 }], options);
    await node.simulation.runFor(100);
    node.simulation.setDiskLatency('node', { minMs: 1, maxMs: 1 });
    await node.complete(produce(writer, [{ topicId, batch: batchOf(['while reading']) }]));
    expect((await node.complete(waiting)).values).toEqual([['first', 'second', 'while reading']]);
    expect(node.simulation.nowMs - startMs).toBeLessThan(1000);
  });

  test('is refused when too many wait already', async () => {
    const node = await NodeFixture.start({ settings: { maxWaitingRequests: 1 } });
    const client = await node.client();
    const topicId = await node.topic(client, 'orders');
    const waiting = fetchFrom(client, [{ topicId, offset: 0 }], { maxWaitMs: 500 });
    await node.simulation.runFor(50);
    const refused = fetchFrom(client, [{ topicId, offset: 0 }], { maxWaitMs: 500 });
    await expect(node.complete(refused)).rejects.toMatchObject({ code: 'THROTTLING_QUOTA_EXCEEDED', retriable: true });
    expect((await node.complete(waiting)).partitions[0]?.error).toBe(0);
  });

  test('is forgotten when its connection is gone', async () => {
    const { node, reader, topicId } = await fixture();
    const waiting = fetchFrom(reader, [{ topicId, offset: 1 }], { maxWaitMs: 60_000 });
    waiting.catch(() => undefined);
    await node.simulation.runFor(20);
    expect(pendingFetches(node)).toBe(1);
    reader.close();
    await node.simulation.runFor(20);
    expect(pendingFetches(node)).toBe(0);
  });
});

describe('limits of a fetch', () => {
  test('the first batch is sent even when it is larger than every limit, and only that one', async () => {
    const { node, reader, writer, topicId } = await fixture();
    const large = 'L'.repeat(5000);
    await node.complete(produce(writer, [{ topicId, partition: 1, batch: batchOf([large]) }]));
    await node.complete(produce(writer, [{ topicId, partition: 1, batch: batchOf([large]) }]));
    const entries = [
      { topicId, partition: 1, offset: 0, maxBytes: 10 },
      { topicId, partition: 0, offset: 0, maxBytes: 10 },
    ];
    for (const maxBytes of [0, 10, 4000]) {
      const { values } = await node.complete(fetchFrom(reader, entries, { maxBytes }));
      expect(values).toEqual([[large], []]);
    }
  });

  test('later partitions get what room is left, and what does not fit is left out', async () => {
    const { node, reader, writer, topicId } = await fixture();
    for (const partition of [1, 2]) {
      for (let count = 0; count < 3; count++) {
        await node.complete(produce(writer, [{ topicId, partition, batch: batchOf(['x'.repeat(1000)]) }]));
      }
    }
    const entries = [1, 2].map((partition) => ({ topicId, partition, offset: 0, maxBytes: 100_000 }));
    const { values, payload } = await node.complete(
      fetchFrom(reader, entries, { maxBytes: 4500, minBytes: 1_000_000, maxWaitMs: 60_000 }),
    );
    expect(values.map(({ length }) => length)).toEqual([3, 1]);
    expect(payload.length).toBeLessThanOrEqual(4500);
    expect(node.simulation.nowMs).toBeLessThan(10_000);
  });

  test('a partition is cut at its own limit even when that keeps minBytes out of reach', async () => {
    const { node, reader, writer, topicId } = await fixture();
    for (let count = 0; count < 5; count++) {
      await node.complete(produce(writer, [{ topicId, partition: 1, batch: batchOf(['x'.repeat(1000)]) }]));
    }
    const entries = [{ topicId, partition: 1, offset: 0, maxBytes: 2500 }];
    const { value, ms } = await timed(node, fetchFrom(reader, entries, { maxWaitMs: 60_000, minBytes: 5000 }));
    expect(value.values[0]).toHaveLength(2);
    expect(ms).toBeLessThan(50);
  });
});

function pendingFetches(node: NodeFixture): number {
  return node.simulation.metrics('node').value('millrace_pending_fetches');
}
