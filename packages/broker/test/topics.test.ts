import {
  createPartitionsApi,
  createTopicsApi,
  deleteRecordsApi,
  deleteTopicsApi,
  describeClusterApi,
  describeConfigsApi,
  describeLogDirsApi,
  describeTopicPartitionsApi,
  incrementalAlterConfigsApi,
  metadataApi,
} from '@millrace/protocol';
import { describe, expect, test } from 'vitest';
import { batchOf, errorName, fetchFrom, NodeFixture, offsetAt, produce } from './node-fixture.js';

const byName = (name: string) => ({ name, topicId: null });

describe('metadata', () => {
  test('names the node under its bound address as leader of every partition', async () => {
    const node = await NodeFixture.start();
    const client = await node.client();
    const topicId = await node.topic(client, 'orders', 2);
    const request = { topics: [byName('orders')], allowAutoCreate: false, includeInternal: false };
    const { body } = await node.complete(client.call(metadataApi, request));
    expect(body.clusterId).toBe(node.controller.clusterId);
    expect(body.controllerId).toBe(1);
    expect(body.nodes).toEqual([{ nodeId: 1, host: 'node', port: 7400, rack: null }]);
    expect(body.topics).toMatchObject([{ error: 0, name: 'orders', topicId, isInternal: false }]);
    expect(body.topics[0]?.partitions.map(({ leader, isr, error }) => ({ leader, isr, error }))).toEqual([
      { leader: 1, isr: [1], error: 0 },
      { leader: 1, isr: [1], error: 0 },
    ]);
  });

  test('creates a missing topic when asked to, ready for a produce at once', async () => {
    const node = await NodeFixture.start();
    const client = await node.client();
    const request = { topics: [byName('fresh')], allowAutoCreate: true, includeInternal: false };
    const { body } = await node.complete(client.call(metadataApi, request));
    const topicId = body.topics[0]?.topicId ?? '';
    const results = await node.complete(produce(client, [{ topicId, batch: batchOf(['v']) }]));
    expect(results[0]).toMatchObject({ error: 0, baseOffset: 0 });
    const again = await node.complete(client.call(metadataApi, request));
    expect(again.body.topics[0]?.topicId).toBe(topicId);
  });

  test.each([
    ['the request does not allow it', false, true],
    ['the node does not allow it', true, false],
  ])('creates nothing when %s', async (_why, allowAutoCreate, autoCreateTopics) => {
    const node = await NodeFixture.start({ settings: { autoCreateTopics } });
    const client = await node.client();
    const request = { topics: [byName('missing')], allowAutoCreate, includeInternal: false };
    const { body } = await node.complete(client.call(metadataApi, request));
    expect(errorName(body.topics[0]?.error)).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    expect(node.controller.image.topicCount).toBe(0);
  });

  test.each([
    '',
    '.',
    '..',
    '../x',
    'a/b',
    'a\\b',
    'x'.repeat(250),
    'nul\0',
    'ünï',
    'a\r\nb',
    '\u001b[31m',
    '__proto__/x',
  ])('a name that no topic can have creates nothing and no file: %j', async (name) => {
    const node = await NodeFixture.start();
    const client = await node.client();
    const request = { topics: [byName(name)], allowAutoCreate: true, includeInternal: true };
    const { body } = await node.complete(client.call(metadataApi, request));
    expect(errorName(body.topics[0]?.error)).toBe('INVALID_TOPIC_EXCEPTION');
    const create = {
      topics: [{ name, partitions: 1, replicationFactor: 1, configs: [] }],
      timeoutMs: 1000,
      validateOnly: false,
    };
    const created = await node.complete(client.call(createTopicsApi, create));
    expect(errorName(created.body.topics[0]?.error)).toBe('INVALID_TOPIC_EXCEPTION');
    expect(node.logDirectory.logs().map(({ topic }) => topic)).toEqual(['__cluster_metadata']);
  });

  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
    '%s is a topic name like any other',
    async (name) => {
      const node = await NodeFixture.start();
      const client = await node.client();
      const topicId = await node.topic(client, name);
      await node.complete(produce(client, [{ topicId, batch: batchOf(['v']) }]));
      expect((await node.complete(fetchFrom(client, [{ topicId, offset: 0 }]))).values).toEqual([['v']]);
    },
  );

  test('the cluster’s own log cannot be reached by its id', async () => {
    const node = await NodeFixture.start();
    const client = await node.client();
    const topicId = node.logDirectory.logs()[0]?.topicId ?? '';
    const results = await node.complete(produce(client, [{ topicId, batch: batchOf(['evil']) }]));
    expect(errorName(results[0]?.error)).toBe('UNKNOWN_TOPIC_ID');
    const read = await node.complete(fetchFrom(client, [{ topicId, offset: 0 }]));
    expect(errorName(read.partitions[0]?.error)).toBe('UNKNOWN_TOPIC_ID');
  });
});

describe('changing topics', () => {
  test('a deleted topic is gone with its log, and one of the same name starts empty under another id', async () => {
    const node = await NodeFixture.start();
    const client = await node.client();
    const old = await node.topic(client, 'orders');
    await node.complete(produce(client, [{ topicId: old, batch: batchOf(['old']) }]));
    await node.complete(client.call(deleteTopicsApi, { topics: [byName('orders')], timeoutMs: 1000 }));
    const gone = await node.complete(produce(client, [{ topicId: old, batch: batchOf(['v']) }]));
    expect(errorName(gone[0]?.error)).toBe('UNKNOWN_TOPIC_ID');
    const fresh = await node.topic(client, 'orders');
    expect(fresh).not.toBe(old);
    expect(await node.complete(offsetAt(client, { topicId: fresh }, -1))).toBe(0);
    const stale = await node.complete(produce(client, [{ topicId: old, batch: batchOf(['stale']) }]));
    expect(errorName(stale[0]?.error)).toBe('UNKNOWN_TOPIC_ID');
  });

  test('a topic grows while it is written to', async () => {
    const node = await NodeFixture.start();
    const client = await node.client();
    const topicId = await node.topic(client, 'orders');
    const request = { topics: [{ name: 'orders', partitions: 3 }], timeoutMs: 1000, validateOnly: false };
    await node.complete(client.call(createPartitionsApi, request));
    const results = await node.complete(produce(client, [{ topicId, partition: 2, batch: batchOf(['v']) }]));
    expect(results[0]).toMatchObject({ error: 0, baseOffset: 0 });
  });

  test('a changed setting holds from the moment it is answered', async () => {
    const node = await NodeFixture.start();
    const client = await node.client();
    const topicId = await node.topic(client, 'orders');
    const alter = (value: string | null) =>
      node.complete(
        client.call(incrementalAlterConfigsApi, {
          resources: [{ type: 'topic', name: 'orders', changes: [{ key: 'max.message.bytes', value }] }],
          validateOnly: false,
        }),
      );
    const send = async () => {
      const results = await node.complete(produce(client, [{ topicId, batch: batchOf(['x'.repeat(400)]) }]));
      return errorName(results[0]?.error);
    };
    await alter('200');
    expect(await send()).toBe('MESSAGE_TOO_LARGE');
    await alter(null);
    expect(await send()).toBe('NONE');
    const resources = [{ type: 'topic' as const, name: 'orders' }];
    const { body } = await node.complete(client.call(describeConfigsApi, { resources }));
    const config = body.resources[0]?.configs.find(({ key }) => key === 'max.message.bytes');
    expect(config).toEqual({ key: 'max.message.bytes', value: '1048588', source: 'default' });
  });

  test('a log that could not be created says why, and is there after the next housekeeping', async () => {
    const node = await NodeFixture.start({ settings: { housekeepingMs: 1000 } });
    const client = await node.client();
    node.simulation.disk('node').failNext({ operation: 'makeDirectory', path: /orders-1/, code: 'EIO' });
    const topicId = await node.topic(client, 'orders', 2);
    const entries = [0, 1].map((partition) => ({ topicId, partition, batch: batchOf(['v']) }));
    const results = await node.complete(produce(client, entries));
    expect(results.map(({ error }) => errorName(error))).toEqual(['NONE', 'KAFKA_STORAGE_ERROR']);
    expect(results[1]?.message).toContain('orders-1 cannot be opened');
    await node.simulation.runFor(1500);
    const again = await node.complete(produce(client, [{ topicId, partition: 1, batch: batchOf(['v']) }]));
    expect(again[0]).toMatchObject({ error: 0, baseOffset: 0 });
  });
});

describe('records and logs', () => {
  test('deleted records are not read any more, also after a restart', async () => {
    const node = await NodeFixture.start();
    let client = await node.client();
    const topicId = await node.topic(client, 'orders');
    for (const value of ['a', 'b', 'c']) await node.complete(produce(client, [{ topicId, batch: batchOf([value]) }]));
    const partitions = [
      { topicId, partition: 0, beforeOffset: 2 },
      { topicId, partition: 0, beforeOffset: 9 },
    ];
    const { body } = await node.complete(client.call(deleteRecordsApi, { partitions, timeoutMs: 1000 }));
    expect(body.partitions.map(({ error, logStartOffset }) => [errorName(error), logStartOffset])).toEqual([
      ['NONE', 2],
      ['OFFSET_OUT_OF_RANGE', -1],
    ]);
    node.simulation.crash('node', 'lost');
    await node.startNode(node.simulation.restart('node'));
    client = await node.client();
    expect(await node.complete(offsetAt(client, { topicId }, -2))).toBe(2);
    const read = await node.complete(
      fetchFrom(client, [
        { topicId, offset: 1 },
        { topicId, offset: 2 },
      ]),
    );
    expect(read.partitions.map(({ error }) => errorName(error))).toEqual(['OFFSET_OUT_OF_RANGE', 'NONE']);
    expect(read.values[1]).toEqual(['c']);
    const all = { partitions: [{ topicId, partition: 0, beforeOffset: -1 }], timeoutMs: 1000 };
    expect((await node.complete(client.call(deleteRecordsApi, all))).body.partitions[0]?.logStartOffset).toBe(3);
  });

  test('offsets by time are the first record at or after it', async () => {
    const node = await NodeFixture.start();
    const client = await node.client();
    const topicId = await node.topic(client, 'orders', 1, { 'message.timestamp.type': 'LogAppendTime' });
    const timesMs: number[] = [];
    for (const value of ['a', 'b', 'c']) {
      const [result] = await node.complete(produce(client, [{ topicId, batch: batchOf([value]) }]));
      timesMs.push(result?.logAppendTimeMs ?? NaN);
      await node.simulation.runFor(1000);
    }
    const at = (timestamp: number) => node.complete(offsetAt(client, { topicId }, timestamp));
    expect(await at(timesMs[1]!)).toBe(1);
    expect(await at(timesMs[1]! + 1)).toBe(2);
    expect(await at(timesMs[2]! + 1)).toBe(-1);
    expect(await at(0)).toBe(0);
    expect(await at(-3)).toBe(2);
  });

  test('log directories, partitions and the cluster describe what is there', async () => {
    const node = await NodeFixture.start();
    const client = await node.client();
    const topicId = await node.topic(client, 'orders');
    const batch = batchOf(['a', 'b']);
    await node.complete(produce(client, [{ topicId, batch }]));
    const partitions = [
      { topicId, partition: 0 },
      { topicId, partition: 1 },
    ];
    const logs = (await node.complete(client.call(describeLogDirsApi, { partitions }))).body.partitions;
    expect(logs[0]).toMatchObject({
      error: 0,
      logStartOffset: 0,
      highWatermark: 2,
      logEndOffset: 2,
      sizeBytes: batch.length,
    });
    expect(errorName(logs[1]?.error)).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    const { topics } = (await node.complete(client.call(describeTopicPartitionsApi, { topics: ['orders', 'none'] })))
      .body;
    expect(topics.map(({ name, error }) => [name, errorName(error)])).toEqual([
      ['orders', 'NONE'],
      ['none', 'UNKNOWN_TOPIC_OR_PARTITION'],
    ]);
    const cluster = (await node.complete(client.call(describeClusterApi, {}))).body;
    expect(cluster.nodes).toMatchObject([{ nodeId: 1, state: 'active', host: 'node', port: 7400 }]);
    expect(cluster.metadataOffset).toBeGreaterThan(0);
  });
});
