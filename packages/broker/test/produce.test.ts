import { initProducerIdApi, produceApi } from '@millrace/protocol';
import { describe, expect, test } from 'vitest';
import { batchOf, errorName, fetchFrom, NodeFixture, offsetAt, produce, produceRequest } from './node-fixture.js';
import type { RawClient } from './raw-client.js';

async function fixture(configs: Record<string, string> = {}) {
  const node = await NodeFixture.start({ link: { delayMinMs: 0.1, delayMaxMs: 0.1 } });
  const client = await node.client();
  const topicId = await node.topic(client, 'orders', 2, configs);
  return { node, client, topicId };
}

async function values(node: NodeFixture, client: RawClient, topicId: string, partition = 0): Promise<string[]> {
  const read = await node.complete(fetchFrom(client, [{ topicId, partition, offset: 0 }]));
  return read.values[0] ?? [];
}

describe('acknowledgement', () => {
  test.each([-1, 1] as const)('with acks %i comes only after the sync', async (acks) => {
    const { node, client, topicId } = await fixture();
    node.simulation.setDiskLatency('node', { minMs: 50, maxMs: 50 });
    const startMs = node.simulation.nowMs;
    await node.complete(produce(client, [{ topicId, batch: batchOf(['v']) }], { acks }));
    expect(node.simulation.nowMs - startMs).toBeGreaterThanOrEqual(50);
  });

  test('with acks 0 there is none, and the records are there', async () => {
    const { node, client, topicId } = await fixture();
    const { body, payload } = produceRequest([{ topicId, batch: batchOf(['v']) }], { acks: 0 });
    client.send(produceApi, body, payload);
    await node.simulation.runFor(100);
    expect(client.unasked).toEqual([]);
    expect(await values(node, client, topicId)).toEqual(['v']);
  });

  test('with acks 0 an error closes the connection, the only way to tell', async () => {
    const { node, client, topicId } = await fixture();
    const { body, payload } = produceRequest([{ topicId, leaderEpoch: 50, batch: batchOf(['v']) }], { acks: 0 });
    client.send(produceApi, body, payload);
    await node.complete(client.closed.promise);
    expect(client.unasked).toEqual([]);
  });

  test('in a topic with durability replicated comes before the sync', async () => {
    const { node, client, topicId } = await fixture({ durability: 'replicated' });
    node.simulation.setDiskLatency('node', { minMs: 500, maxMs: 500 });
    const startMs = node.simulation.nowMs;
    await node.complete(produce(client, [{ topicId, batch: batchOf(['v']) }]));
    expect(node.simulation.nowMs - startMs).toBeLessThan(10);
    expect(await values(node, client, topicId)).toEqual(['v']);
  });

  test('in a topic with durability replicated the sync follows within seconds', async () => {
    const { node, client, topicId } = await fixture({ durability: 'replicated' });
    await node.complete(produce(client, [{ topicId, batch: batchOf(['v']) }]));
    const log = node.logDirectory.log('orders', 0);
    expect(log?.syncedEndOffset).toBe(0);
    await node.simulation.runFor(40_000);
    expect(log?.syncedEndOffset).toBe(1);
  });

  test('min.insync.replicas never asks for more replicas than the topic has', async () => {
    const { node, client, topicId } = await fixture({ 'min.insync.replicas': '2' });
    const taken = await node.complete(produce(client, [{ topicId, batch: batchOf(['v']) }]));
    expect(errorName(taken[0]?.error)).toBe('NONE');
    expect(await node.complete(offsetAt(client, { topicId }, -1))).toBe(1);
  });
});

describe('a disk that is slow', () => {
  test('produce times out at its deadline, says that the records may still come, and they do', async () => {
    const { node, client, topicId } = await fixture();
    node.simulation.setDiskLatency('node', { minMs: 2000, maxMs: 2000 });
    const startMs = node.simulation.nowMs;
    const results = await node.complete(produce(client, [{ topicId, batch: batchOf(['late']) }], { timeoutMs: 300 }));
    expect(errorName(results[0]?.error)).toBe('REQUEST_TIMED_OUT');
    const ms = node.simulation.nowMs - startMs;
    expect(ms).toBeGreaterThanOrEqual(300);
    expect(ms).toBeLessThan(330);
    expect(await values(node, client, topicId)).toEqual([]);
    // The first batch of a leader epoch waits for more than one sync.
    await node.simulation.runFor(20_000);
    expect(await values(node, client, topicId)).toEqual(['late']);
  });

  test('all that arrives during one sync shares the next one', async () => {
    const { node, client, topicId } = await fixture();
    await node.complete(produce(client, [{ topicId, batch: batchOf(['first of its epoch']) }]));
    node.simulation.setDiskLatency('node', { minMs: 100, maxMs: 100 });
    const startMs = node.simulation.nowMs;
    const first = produce(client, [{ topicId, batch: batchOf(['0']) }]);
    await node.simulation.runFor(10);
    const rest = Array.from({ length: 20 }, (_, index) =>
      produce(client, [{ topicId, batch: batchOf([`${index + 1}`]) }]),
    );
    await node.complete(first);
    await node.complete(Promise.all(rest));
    expect(node.simulation.nowMs - startMs).toBeLessThan(250);
    const written = Array.from({ length: 21 }, (_, index) => `${index}`);
    expect(await values(node, client, topicId)).toEqual(['first of its epoch', ...written]);
  });
});

describe('a disk that fails', () => {
  test('after a failed sync nothing is acknowledged or served, and other partitions go on', async () => {
    const { node, client, topicId } = await fixture();
    await node.complete(produce(client, [{ topicId, batch: batchOf(['safe']) }]));
    node.simulation.disk('node').failNext({ operation: 'sync', path: /orders-0/, code: 'EIO' });
    const failed = await node.complete(produce(client, [{ topicId, batch: batchOf(['lost']) }]));
    expect(errorName(failed[0]?.error)).toBe('KAFKA_STORAGE_ERROR');
    const again = await node.complete(produce(client, [{ topicId, batch: batchOf(['again']) }]));
    expect(errorName(again[0]?.error)).toBe('KAFKA_STORAGE_ERROR');
    const read = await node.complete(fetchFrom(client, [{ topicId, offset: 1 }], { maxWaitMs: 60_000 }));
    expect(errorName(read.partitions[0]?.error)).toBe('KAFKA_STORAGE_ERROR');
    const other = await node.complete(produce(client, [{ topicId, partition: 1, batch: batchOf(['other']) }]));
    expect(errorName(other[0]?.error)).toBe('NONE');
    expect(node.broker.problems).toEqual([expect.stringContaining('orders-0 is offline')]);
  });

  test('a full disk refuses produce, goes on serving reads, and takes records again when there is room', async () => {
    const { node, client, topicId } = await fixture();
    await node.complete(produce(client, [{ topicId, batch: batchOf(['before']) }]));
    const disk = node.simulation.disk('node');
    const { capacityBytes } = disk;
    disk.capacityBytes = 0;
    await node.simulation.runFor(2000);
    const full = await node.complete(produce(client, [{ topicId, batch: batchOf(['refused']) }]));
    expect(errorName(full[0]?.error)).toBe('LOG_DISK_FULL');
    expect(full[0]?.message).toMatch(/space/i);
    expect(await values(node, client, topicId)).toEqual(['before']);
    disk.capacityBytes = capacityBytes;
    await node.simulation.runFor(2000);
    const resumed = await node.complete(produce(client, [{ topicId, batch: batchOf(['after']) }]));
    expect(resumed[0]).toMatchObject({ error: 0, baseOffset: 1 });
    expect(await values(node, client, topicId)).toEqual(['before', 'after']);
  });

  test('ENOSPC in the middle of a write leaves nothing of the batch behind', async () => {
    const { node, client, topicId } = await fixture();
    node.simulation.disk('node').failNext({ operation: 'write', path: /orders-0.*\.log$/, code: 'ENOSPC' });
    const full = await node.complete(produce(client, [{ topicId, batch: batchOf(['refused']) }]));
    expect(errorName(full[0]?.error)).toBe('LOG_DISK_FULL');
    const next = await node.complete(produce(client, [{ topicId, batch: batchOf(['taken']) }]));
    expect(next[0]).toMatchObject({ error: 0, baseOffset: 0 });
    expect(await values(node, client, topicId)).toEqual(['taken']);
  });
});

describe('batches that are not what they should be', () => {
  const good = (): Uint8Array => batchOf(['a', 'b', 'c']);
  const changed = (change: (batch: Uint8Array, view: DataView) => void): Uint8Array => {
    const batch = good();
    change(batch, new DataView(batch.buffer, batch.byteOffset, batch.length));
    return batch;
  };

  test.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array(0)],
    ['half a batch', good().subarray(0, 40)],
    ['two batches in one entry', Buffer.concat([good(), good()])],
    ['a flipped bit in a record', changed((batch) => (batch[batch.length - 2]! ^= 1))],
    ['a wrong checksum', changed((batch) => (batch[17]! ^= 0xff))],
    ['magic 1', changed((batch) => (batch[16] = 1))],
    ['a length that says more', changed((_, view) => view.setInt32(8, view.getInt32(8) + 1))],
    ['a length that says less', changed((_, view) => view.setInt32(8, view.getInt32(8) - 1))],
    ['a negative length', changed((_, view) => view.setInt32(8, -100))],
    ['a base offset', changed((_, view) => view.setBigInt64(0, 7n))],
    ['a count of 2^31-1', changed((_, view) => view.setInt32(57, 2 ** 31 - 1))],
    ['random bytes', Buffer.alloc(500, 0xa5)],
  ])('%s: refused whole, and nothing is appended', async (_what, batch) => {
    const { node, client, topicId } = await fixture();
    const results = await node.complete(
      produce(client, [
        { topicId, batch },
        { topicId, partition: 1, batch: good() },
      ]),
    );
    expect(['CORRUPT_MESSAGE', 'INVALID_RECORD']).toContain(errorName(results[0]?.error));
    expect(results[1]).toMatchObject({ error: 0, baseOffset: 0 });
    expect(await node.complete(offsetAt(client, { topicId }, -1))).toBe(0);
  });

  test('a batch over max.message.bytes is refused, also after the topic was changed', async () => {
    const { node, client, topicId } = await fixture({ 'max.message.bytes': '500' });
    const results = await node.complete(produce(client, [{ topicId, batch: batchOf(['x'.repeat(600)]) }]));
    expect(errorName(results[0]?.error)).toBe('MESSAGE_TOO_LARGE');
  });

  test('a payload that is not as long as its entries say is refused as a whole', async () => {
    const { node, client, topicId } = await fixture();
    const { body, payload } = produceRequest([{ topicId, batch: good() }]);
    const call = client.call(produceApi, body, [...payload, new Uint8Array(3)]);
    await expect(node.complete(call)).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    expect(await values(node, client, topicId)).toEqual([]);
  });
});

describe('idempotent producers', () => {
  async function newId(node: NodeFixture, client: RawClient): Promise<number> {
    const request = { transactionalId: null, transactionTimeoutMs: 0, producerId: -1, producerEpoch: -1 };
    return (await node.complete(client.call(initProducerIdApi, request))).body.producerId;
  }

  test('every producer gets an id of its own', async () => {
    const { node, client } = await fixture();
    const ids = new Set<number>();
    for (let count = 0; count < 5; count++) ids.add(await newId(node, client));
    expect(ids.size).toBe(5);
  });

  test('a batch sent again is answered with its first offsets and not appended again', async () => {
    const { node, client, topicId } = await fixture();
    const producerId = await newId(node, client);
    const batch = (): Uint8Array => batchOf(['once'], { producerId, producerEpoch: 0, baseSequence: 0 });
    const first = await node.complete(produce(client, [{ topicId, batch: batch() }]));
    const second = await node.complete(produce(client, [{ topicId, batch: batch() }]));
    expect([first[0]?.baseOffset, second[0]?.baseOffset, second[0]?.error]).toEqual([0, 0, 0]);
    expect(await values(node, client, topicId)).toEqual(['once']);
  });

  test('the retry of a batch that timed out waits for the same sync and is then acknowledged', async () => {
    const { node, client, topicId } = await fixture();
    const producerId = await newId(node, client);
    const batch = (): Uint8Array => batchOf(['once'], { producerId, producerEpoch: 0, baseSequence: 0 });
    node.simulation.setDiskLatency('node', { minMs: 1000, maxMs: 1000 });
    const first = await node.complete(produce(client, [{ topicId, batch: batch() }], { timeoutMs: 100 }));
    expect(errorName(first[0]?.error)).toBe('REQUEST_TIMED_OUT');
    const startMs = node.simulation.nowMs;
    const second = await node.complete(produce(client, [{ topicId, batch: batch() }]));
    expect(second[0]).toMatchObject({ error: 0, baseOffset: 0 });
    expect(node.simulation.nowMs - startMs).toBeGreaterThan(500);
    expect(await values(node, client, topicId)).toEqual(['once']);
  });

  test('a gap in the sequence is refused', async () => {
    const { node, client, topicId } = await fixture();
    const producerId = await newId(node, client);
    const results = [0, 2].map(async (baseSequence) => {
      const batch = batchOf(['v'], { producerId, producerEpoch: 0, baseSequence });
      return errorName((await produce(client, [{ topicId, batch }]))[0]?.error);
    });
    expect(await node.complete(Promise.all(results))).toEqual(['NONE', 'OUT_OF_ORDER_SEQUENCE_NUMBER']);
  });
});
