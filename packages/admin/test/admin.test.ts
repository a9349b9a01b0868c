import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Producer } from '@millrace/producer';
import { startServer, type MillraceServer } from '@millrace/server';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Admin } from '../src/index.js';

let server: MillraceServer;
let admin: Admin;
let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-admin-'));
  server = await startServer({ dataDir: directory, client: '127.0.0.1:0', settings: { 'num.partitions': 2 } });
  admin = new Admin({ bootstrap: server.bootstrap });
});

afterAll(async () => {
  await admin.close();
  await server.close();
  rmSync(directory, { recursive: true });
});

describe('topics', () => {
  test('are created, listed, described and deleted', async () => {
    const created = await admin.createTopic({ name: 'orders', partitions: 3, configs: { 'retention.ms': '60000' } });
    expect(created).toMatchObject({ name: 'orders', partitions: 3, replicationFactor: 1 });
    expect(created.topicId).toMatch(/^[A-Za-z0-9_-]{22}$/);
    expect(created.configs['retention.ms']).toEqual({ value: '60000', source: 'topic' });
    expect(await admin.listTopics()).toContainEqual({
      name: 'orders',
      topicId: created.topicId,
      partitions: 3,
      replicationFactor: 1,
    });
    await using producer = new Producer({ bootstrap: server.bootstrap });
    await producer.sendBatch({ topic: 'orders', records: [1, 2, 3].map((i) => ({ partition: 1, value: `${i}` })) });
    const description = await admin.describeTopic('orders');
    expect(description).toMatchObject({ name: 'orders', topicId: created.topicId });
    expect(description.configs['retention.ms']).toEqual({ value: '60000', source: 'topic' });
    expect(description.partitions).toMatchObject([
      { partition: 0, leader: 1, replicas: [1], isr: [1], elr: [], logStartOffset: 0, highWatermark: 0, sizeBytes: 0 },
      { partition: 1, logStartOffset: 0, highWatermark: 3 },
      { partition: 2, highWatermark: 0 },
    ]);
    expect(description.partitions[1]?.sizeBytes).toBeGreaterThan(60);
    expect(await admin.describeReplicas('orders')).toEqual(
      description.partitions.map(({ partition, leader, logStartOffset, highWatermark, sizeBytes }) => {
        const log = { logStartOffset, logEndOffset: highWatermark, sizeBytes };
        return { topic: 'orders', partition, nodeId: leader, isLeader: true, ...log };
      }),
    );
    await admin.deleteTopic('orders');
    expect((await admin.listTopics()).map(({ name }) => name)).not.toContain('orders');
    await expect(admin.describeReplicas('orders')).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' });
    await expect(admin.describeTopic('orders')).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' });
  });

  test('take the defaults of the cluster', async () => {
    expect(await admin.createTopic({ name: 'defaults' })).toMatchObject({ partitions: 2, replicationFactor: 1 });
  });

  test('are only checked with validateOnly', async () => {
    const checked = await admin.createTopic({ name: 'maybe', partitions: 4 }, { validateOnly: true });
    expect(checked).toMatchObject({ name: 'maybe', partitions: 4 });
    expect((await admin.listTopics()).map(({ name }) => name)).not.toContain('maybe');
  });

  test('grow', async () => {
    await admin.createTopic({ name: 'growing', partitions: 1 });
    await admin.createPartitions('growing', 3);
    expect((await admin.describeTopic('growing')).partitions).toHaveLength(3);
    await expect(admin.createPartitions('growing', 2)).rejects.toMatchObject({ code: 'INVALID_PARTITIONS' });
  });

  test('change their settings and give them up again', async () => {
    await admin.createTopic({ name: 'settings' });
    const setting = async (key: string) => (await admin.describeTopic('settings')).configs[key];
    const before = await setting('retention.ms');
    await admin.alterConfigs('settings', { set: { 'retention.ms': '5000' } });
    expect(await setting('retention.ms')).toEqual({ value: '5000', source: 'topic' });
    await admin.alterConfigs('settings', { delete: ['retention.ms'] });
    expect(await setting('retention.ms')).toEqual(before);
    await expect(admin.alterConfigs('settings', { set: { 'no.such.key': '1' } })).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
      message: expect.stringContaining('no.such.key') as string,
    });
  });

  test.each([
    ['a name that breaks the rule', { name: 'no spaces' }, 'INVALID_TOPIC_EXCEPTION'],
    ['a name that is taken', { name: 'defaults' }, 'TOPIC_ALREADY_EXISTS'],
    ['no partitions', { name: 'none', partitions: 0 }, 'INVALID_PARTITIONS'],
    ['more replicas than brokers', { name: 'many', replicationFactor: 3 }, 'INVALID_REPLICATION_FACTOR'],
    ['a setting that is none', { name: 'odd', configs: { 'retention.ms': 'soon' } }, 'INVALID_CONFIG'],
  ])('are refused with %s, at once and with the topic’s name', async (_, topic, code) => {
    const startedMs = performance.now();
    await expect(admin.createTopic(topic)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(topic.name) as string,
    });
    expect(performance.now() - startedMs).toBeLessThan(2000);
  });

  test('that do not exist are named at once, not searched for until the time is up', async () => {
    const startedMs = performance.now();
    const unknown = { code: 'UNKNOWN_TOPIC_OR_PARTITION' };
    await expect(admin.deleteTopic('nobody')).rejects.toMatchObject(unknown);
    await expect(admin.describeTopic('nobody')).rejects.toMatchObject(unknown);
    await expect(admin.createPartitions('nobody', 5)).rejects.toMatchObject(unknown);
    await expect(admin.alterConfigs('nobody', { set: { 'retention.ms': '1' } })).rejects.toMatchObject(unknown);
    expect(performance.now() - startedMs).toBeLessThan(2000);
    await expect(admin.listOffsets([{ topic: 'nobody', partition: 0, at: 'latest' }])).rejects.toMatchObject(unknown);
    await expect(admin.listOffsets([{ topic: 'defaults', partition: 9, at: 'latest' }])).rejects.toMatchObject(unknown);
    expect(performance.now() - startedMs).toBeLessThan(6000);
  });
});

describe('records', () => {
  test('are found by time, and deleted up to an offset', async () => {
    await admin.createTopic({ name: 'records', partitions: 2 });
    await using producer = new Producer({ bootstrap: server.bootstrap });
    const records = Array.from({ length: 10 }, (_, i) => ({ partition: i % 2, value: `${i}`, timestampMs: 1000 + i }));
    await producer.sendBatch({ topic: 'records', records });
    const at = (partition: number, query: Parameters<Admin['listOffsets']>[0][number]['at']) => ({
      topic: 'records',
      partition,
      at: query,
    });
    const found = await admin.listOffsets([
      at(0, 'earliest'),
      at(1, 'latest'),
      at(1, { timestampMs: 1004 }),
      at(0, { timestampMs: 9999 }),
      at(0, 'maxTimestamp'),
    ]);
    expect(found.map(({ offset, timestampMs }) => [offset, timestampMs])).toEqual([
      [0, -1],
      [5, -1],
      [2, 1005],
      [-1, -1],
      [4, 1008],
    ]);
    const deleted = await admin.deleteRecords([
      { topic: 'records', partition: 0, beforeOffset: 3 },
      { topic: 'records', partition: 1, beforeOffset: 'highWatermark' },
    ]);
    expect(deleted.map(({ logStartOffset }) => logStartOffset)).toEqual([3, 5]);
    await expect(admin.deleteRecords([{ topic: 'records', partition: 0, beforeOffset: 99 }])).rejects.toMatchObject({
      code: 'OFFSET_OUT_OF_RANGE',
      message: expect.stringContaining('records-0') as string,
    });
  });
});

test('the cluster is described with its nodes', async () => {
  const cluster = await admin.describeCluster();
  expect(cluster).toMatchObject({ clusterId: server.clusterId, controllerId: 1 });
  expect(cluster.nodes).toMatchObject([{ nodeId: 1, client: server.bootstrap, state: 'active' }]);
  expect(cluster.metadataOffset).toBeGreaterThan(0);
});

test('a call ends with its signal and with its time', async () => {
  await expect(admin.listTopics({ signal: AbortSignal.abort(new Error('no more')) })).rejects.toThrow('no more');
  await using nowhere = new Admin({ bootstrap: '127.0.0.1:1' });
  await expect(nowhere.listTopics({ timeoutMs: 200 })).rejects.toMatchObject({ code: 'NETWORK_EXCEPTION' });
});

describe('transactions', () => {
  test('are listed, described and aborted, and those who write to a partition are known', async () => {
    await admin.createTopic({ name: 'paid', partitions: 2 });
    await using producer = new Producer({ bootstrap: server.bootstrap, transactionalId: 'till' });
    const open = await producer.beginTransaction();
    await open.send({ topic: 'paid', partition: 1, value: 'a' });
    expect(await admin.listTransactions({ states: ['ongoing'] })).toMatchObject([{ transactionalId: 'till' }]);
    expect(await admin.describeTransaction('till')).toMatchObject({
      state: 'ongoing',
      partitions: [{ topic: 'paid', partition: 1 }],
    });
    const [writer, ...others] = await admin.describeProducers([{ topic: 'paid' }]);
    expect({ writer, others }).toMatchObject({ writer: { partition: 1, transactionStartOffset: 0 }, others: [] });
    await admin.abortTransaction('till');
    await expect(open.commit()).rejects.toMatchObject({ code: 'PRODUCER_FENCED' });
    await expect(admin.abortTransaction('till')).rejects.toMatchObject({ code: 'INVALID_TXN_STATE' });
    await expect(admin.describeTransaction('nobody')).rejects.toMatchObject({ code: 'TRANSACTIONAL_ID_NOT_FOUND' });
    expect(await admin.listOffsets([{ topic: 'paid', partition: 1, at: 'latest' }])).toMatchObject([{ offset: 2 }]);
  });
});
