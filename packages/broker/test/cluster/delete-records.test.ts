import { completion } from '@millrace/base';
import { deleteRecordsApi, errorByNumber } from '@millrace/protocol';
import { describe, expect, test } from 'vitest';
import { ClusterFixture, send } from '../cluster-fixture.js';
import type { RawClient } from '../raw-client.js';

async function fixture() {
  const cluster = await ClusterFixture.start();
  const topicId = await cluster.topic('orders');
  const { leader } = cluster.partition(topicId);
  const [second, third] = [1, 2, 3].filter((id) => id !== leader) as [number, number];
  const client = await cluster.leaderClient(topicId);
  for (const value of ['a', 'b', 'c', 'd']) await cluster.complete(send(client, topicId, value));
  return { cluster, topicId, leader, second, third, client };
}

async function deleteBefore(
  client: RawClient,
  topicId: string,
  { beforeOffset, timeoutMs }: { readonly beforeOffset: number; readonly timeoutMs: number },
): Promise<{ readonly error: string; readonly logStartOffset: number | undefined }> {
  const partitions = [{ topicId, partition: 0, beforeOffset }];
  const { body } = await client.call(deleteRecordsApi, { partitions, timeoutMs });
  const [result] = body.partitions;
  return { error: errorByNumber(result?.error ?? -1)?.name ?? 'NONE', logStartOffset: result?.logStartOffset };
}

function cutOff(cluster: ClusterFixture, id: number, from: number): void {
  cluster.simulation.network.cut(cluster.node(id).name, cluster.node(from).name);
  cluster.simulation.network.cut(cluster.node(from).name, cluster.node(id).name);
}

describe('records that are deleted', () => {
  test('are gone on every replica in sync when the answer comes, and that is soon', async () => {
    const { cluster, topicId, client } = await fixture();
    for (const beforeOffset of [1, 3]) {
      const startMs = cluster.simulation.nowMs;
      const deleted = await cluster.complete(deleteBefore(client, topicId, { beforeOffset, timeoutMs: 5000 }));
      expect(deleted).toEqual({ error: 'NONE', logStartOffset: beforeOffset });
      const starts = [1, 2, 3].map((id) => cluster.replica(id, topicId)?.logStartOffset);
      expect(starts).toEqual([beforeOffset, beforeOffset, beforeOffset]);
      // Followers that wait for records are told at once.
      expect(cluster.simulation.nowMs - startMs).toBeLessThan(200);
    }
  });

  test('are refused an answer in time while a replica in sync has them, and not once it has left', async () => {
    const { cluster, topicId, leader, second, client } = await fixture();
    cutOff(cluster, second, leader);
    const early = await cluster.complete(deleteBefore(client, topicId, { beforeOffset: 2, timeoutMs: 300 }));
    expect(early).toEqual({ error: 'REQUEST_TIMED_OUT', logStartOffset: -1 });
    expect(cluster.partition(topicId).isr).toContain(second);
    expect(cluster.replica(leader, topicId)?.logStartOffset).toBe(2);
    const late = deleteBefore(client, topicId, { beforeOffset: 2, timeoutMs: 30_000 });
    // It lacks nothing but the new start, and would be in sync for ever.
    await cluster.complete(send(client, topicId, 'e', { timeoutMs: 20_000 }));
    expect(await cluster.complete(late)).toEqual({ error: 'NONE', logStartOffset: 2 });
    expect(cluster.partition(topicId).isr).not.toContain(second);
    cluster.simulation.network.heal();
    await cluster.until(() => cluster.isHealed(topicId));
    await cluster.until(() => cluster.replica(second, topicId)?.logStartOffset === 2);
  });

  test('are told of as soon as the leader is another one, which may have them still', async () => {
    const { cluster, topicId, leader, second, third, client } = await fixture();
    for (const id of [second, third]) cutOff(cluster, id, leader);
    const outcome = completion<unknown>();
    deleteBefore(client, topicId, { beforeOffset: 2, timeoutMs: 30_000 }).then(outcome.resolve, outcome.resolve);
    cluster.node(leader).faults.isCut = true;
    await cluster.until(() => cluster.partition(topicId).leader !== leader);
    cluster.node(leader).faults.isCut = false;
    expect(await cluster.complete(outcome.promise)).toEqual({ error: 'NOT_LEADER_OR_FOLLOWER', logStartOffset: -1 });
  });
});
