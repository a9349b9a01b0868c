import { describe, expect, test } from 'vitest';
import { batchOf, errorName, fetchFrom, NodeFixture, offsetAt, produce } from './node-fixture.js';

describe('produce and fetch', () => {
  test('what is acknowledged is read back, at the offsets that were answered', async () => {
    const node = await NodeFixture.start();
    const client = await node.client();
    const topicId = await node.topic(client, 'orders', 2);
    const first = await node.complete(produce(client, [{ topicId, batch: batchOf(['a', 'b']) }]));
    const second = await node.complete(
      produce(client, [
        { topicId, batch: batchOf(['c']) },
        { topicId, partition: 1, batch: batchOf(['x']) },
      ]),
    );
    expect(first).toMatchObject([{ error: 0, baseOffset: 0, logAppendTimeMs: -1, logStartOffset: 0 }]);
    expect(second.map(({ baseOffset }) => baseOffset)).toEqual([2, 0]);
    const read = await node.complete(
      fetchFrom(client, [
        { topicId, offset: 1 },
        { topicId, partition: 1, offset: 0 },
      ]),
    );
    expect(read.values).toEqual([['b', 'c'], ['x']]);
    expect(read.partitions.map(({ highWatermark }) => highWatermark)).toEqual([3, 1]);
    expect(await node.complete(offsetAt(client, { topicId }, -1))).toBe(3);
    expect(await node.complete(offsetAt(client, { topicId }, -2))).toBe(0);
    await node.stop();
  });

  test('unknown topics, partitions and epochs are refused entry by entry', async () => {
    const node = await NodeFixture.start();
    const client = await node.client();
    const topicId = await node.topic(client, 'orders');
    const unknown = 'AAAAAAAAAAAAAAAAAAAAAA';
    const entries = [
      { topicId: unknown },
      { topicId, partition: 7 },
      { topicId, leaderEpoch: 99 },
      { topicId, partition: 0 },
    ];
    const produced = await node.complete(
      produce(
        client,
        entries.map((entry) => ({ ...entry, batch: batchOf(['v']) })),
      ),
    );
    const codes = ['UNKNOWN_TOPIC_ID', 'UNKNOWN_TOPIC_OR_PARTITION', 'UNKNOWN_LEADER_EPOCH', 'NONE'];
    expect(produced.map(({ error }) => errorName(error))).toEqual(codes);
    const read = await node.complete(
      fetchFrom(
        client,
        entries.map((entry) => ({ ...entry, offset: 0 })),
      ),
    );
    expect(read.partitions.map(({ error }) => errorName(error))).toEqual(codes);
    await node.stop();
  });
});
