import { describe, expect, test } from 'vitest';
import { ClusterFixture, send } from '../cluster-fixture.js';
import { fetchFrom, offsetAt } from '../node-fixture.js';

describe('three replicas', () => {
  test('have the same batches, and what is acknowledged with acks all is synced on all of them', async () => {
    const cluster = await ClusterFixture.start();
    const topicId = await cluster.topic('orders');
    const client = await cluster.leaderClient(topicId);
    for (let index = 0; index < 20; index++) {
      const sent = await cluster.complete(send(client, topicId, `v${index}`));
      expect(sent).toEqual({ error: 'NONE', offset: index });
      for (const { id } of cluster.nodes) expect(cluster.replica(id, topicId)?.syncedEndOffset).toBeGreaterThan(index);
    }
    await cluster.until(() => cluster.isHealed(topicId));
    const first = await cluster.content(1, topicId);
    expect(first.flatMap(({ values: some }) => some)).toEqual(Array.from({ length: 20 }, (_, index) => `v${index}`));
    for (const id of [2, 3]) expect(await cluster.content(id, topicId)).toEqual(first);
    const { values } = await cluster.complete(fetchFrom(client, [{ topicId, offset: 0 }]));
    expect(values[0]).toHaveLength(20);
  });

  test('acknowledge in about two trips and a sync, not with the next poll', async () => {
    const cluster = await ClusterFixture.start();
    const topicId = await cluster.topic('orders');
    const client = await cluster.leaderClient(topicId);
    for (let index = 0; index < 10; index++) {
      await cluster.simulation.runFor(50 * index);
      const startMs = cluster.simulation.nowMs;
      await cluster.complete(send(client, topicId, `v${index}`));
      // Two trips of the client, two between the nodes, and the sync of a follower; the first batch of an epoch syncs more.
      expect(cluster.simulation.nowMs - startMs).toBeLessThan(index === 0 ? 30 : 8);
    }
    expect(await cluster.complete(offsetAt(client, { topicId }, -1))).toBe(10);
  });

  test('are kept in sync however little a client is allowed: nodes have limits of their own', async () => {
    const settings = { maxConnections: 1, maxConnectionsPerAddress: 1, maxInFlightRequests: 1, idleMs: 1000 };
    const cluster = await ClusterFixture.start({ settings });
    const topicId = await cluster.topic('orders', { partitions: 3 });
    await cluster.simulation.runFor(5000);
    const client = await cluster.leaderClient(topicId);
    expect(await cluster.complete(send(client, topicId, 'v'))).toEqual({ error: 'NONE', offset: 0 });
    await cluster.until(() => cluster.isHealed(topicId));
  });
});
