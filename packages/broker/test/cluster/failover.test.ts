import {
  deleteRecordsApi,
  deleteTopicsApi,
  latestTimestamp,
  listOffsetsApi,
  offsetForLeaderEpochApi,
} from '@millrace/protocol';
import { describe, expect, test } from 'vitest';
import { PartitionChecks } from '../cluster-checks.js';
import { ClusterFixture, send } from '../cluster-fixture.js';
import { batchOf, errorName, fetchFrom, offsetAt, produce } from '../node-fixture.js';

async function fixture(configs: Record<string, string> = {}) {
  const cluster = await ClusterFixture.start();
  const topicId = await cluster.topic('orders', { configs });
  const { leader } = cluster.partition(topicId);
  const [second, third] = [1, 2, 3].filter((id) => id !== leader) as [number, number];
  const client = await cluster.leaderClient(topicId);
  const checks = new PartitionChecks(cluster, topicId);
  return { cluster, topicId, leader, second, third, client, checks };
}

async function values(cluster: ClusterFixture, topicId: string): Promise<string[]> {
  const client = await cluster.leaderClient(topicId, 'reader');
  const fetched = await cluster.complete(fetchFrom(client, [{ topicId, offset: 0 }]));
  client.close();
  return fetched.values[0] ?? [];
}

describe('a leader that loses power', () => {
  test('is followed by one that has all that was acknowledged, and comes back with an equal log', async () => {
    const { cluster, topicId, leader, client, checks } = await fixture();
    for (const value of ['a', 'b', 'c']) await cluster.complete(send(client, topicId, value));
    cluster.crash(leader, 'lost');
    await cluster.until(() => cluster.leader(topicId) !== undefined && cluster.partition(topicId).leader !== leader);
    const next = await cluster.leaderClient(topicId, 'next');
    expect((await cluster.complete(send(next, topicId, 'd', { timeoutMs: 10_000 }))).offset).toBe(3);
    await cluster.restart(leader);
    await cluster.until(() => cluster.isHealed(topicId));
    checks.stop();
    await checks.compareLogs();
    expect(checks.violations).toEqual([]);
    expect(await values(cluster, topicId)).toEqual(['a', 'b', 'c', 'd']);
  });

  test('gives up a tail that nobody else got: it is cut where the logs part, however the offsets overlap', async () => {
    const { cluster, topicId, leader, second, third, client, checks } = await fixture();
    await cluster.complete(send(client, topicId, 'a'));
    const { network } = cluster.simulation;
    for (const other of [second, third]) network.cut(cluster.node(leader).name, cluster.node(other).name);
    const lost = ['x', 'y', 'z'].map((value) => send(client, topicId, value, { acks: 1 }));
    for (const one of lost) expect((await cluster.complete(one)).error).toBe('NONE');
    // The link keeps what was sent until it is healed: not before somebody else leads.
    cluster.crash(leader, 'kept');
    await cluster.until(() => cluster.leader(topicId) !== undefined && cluster.partition(topicId).leader !== leader);
    network.heal();
    const next = await cluster.leaderClient(topicId, 'next');
    // More than the tail: offsets alone do not tell that the logs part.
    const others = ['b', 'c', 'd', 'e', 'f'];
    for (const value of others) await cluster.complete(send(next, topicId, value, { timeoutMs: 10_000 }));
    await cluster.restart(leader);
    await cluster.until(() => cluster.isHealed(topicId));
    checks.stop();
    await checks.compareLogs();
    expect(checks.violations).toEqual([]);
    expect(await values(cluster, topicId)).toEqual(['a', ...others]);
  });

  test('loses nothing when all lose power at once', async () => {
    const { cluster, topicId, client, checks } = await fixture();
    const sent = ['a', 'b', 'c', 'd'].map((value) => send(client, topicId, value));
    expect((await cluster.complete(sent[0]!)).error).toBe('NONE');
    for (const { id } of cluster.nodes) cluster.crash(id, 'random');
    await cluster.simulation.runFor(200);
    for (const { id } of cluster.nodes) cluster.restartSoon(id);
    await cluster.until(() => cluster.isHealed(topicId));
    checks.stop();
    await checks.compareLogs();
    expect(checks.violations).toEqual([]);
    expect((await values(cluster, topicId))[0]).toBe('a');
  });
});

describe('a leader that is cut off and does not know that another one has its place', () => {
  test('takes no writes and does not say where the end is; what is committed it goes on serving', async () => {
    const { cluster, topicId, leader, client } = await fixture();
    await cluster.complete(send(client, topicId, 'a'));
    await cluster.until(() => cluster.replica(leader, topicId)?.highWatermark === 1);
    const { network } = cluster.simulation;
    for (const { id } of cluster.nodes) {
      if (id === leader) continue;
      network.cut(cluster.node(leader).name, cluster.node(id).name);
      network.cut(cluster.node(id).name, cluster.node(leader).name);
    }
    cluster.node(leader).faults.isCut = true;
    const waiting = send(client, topicId, 'lost', { timeoutMs: 60_000 });
    await cluster.until(() => cluster.leader(topicId) !== undefined && cluster.partition(topicId).leader !== leader);
    const next = await cluster.client(cluster.partition(topicId).leader, 'next');
    expect((await cluster.complete(send(next, topicId, 'b', { timeoutMs: 10_000 }))).offset).toBe(1);

    // Long before its time is over, so that the producer can turn to the one who leads now.
    const startMs = cluster.simulation.nowMs;
    expect((await cluster.complete(waiting)).error).toBe('NOT_LEADER_OR_FOLLOWER');
    for (const acks of [-1, 1] as const) {
      expect((await cluster.complete(send(client, topicId, 'lost', { acks }))).error).toBe('NOT_LEADER_OR_FOLLOWER');
    }
    expect(cluster.simulation.nowMs - startMs).toBeLessThan(2000);

    expect(cluster.replica(leader, topicId)?.leadership).toBeDefined();
    const latest = { topicId, partition: 0, leaderEpoch: -1, timestamp: latestTimestamp };
    const { body } = await cluster.complete(
      client.call(listOffsetsApi, { isolation: 'read-uncommitted', partitions: [latest] }),
    );
    expect(errorName(body.partitions[0]?.error)).toBe('NOT_LEADER_OR_FOLLOWER');
    expect((await cluster.complete(fetchFrom(client, [{ topicId, offset: 0 }]))).values).toEqual([['a']]);
  });
});

describe('fast changes of the leader', () => {
  test('with a tail of its own on each: all three end up with one log', async () => {
    const { cluster, topicId, leader, client, checks } = await fixture({ 'min.insync.replicas': '1' });
    await cluster.complete(send(client, topicId, 'a'));
    const { network } = cluster.simulation;
    const isolate = (id: number): void => {
      for (const { name, id: other } of cluster.nodes) if (other !== id) network.cut(cluster.node(id).name, name);
    };
    let at = leader;
    for (const round of [1, 2, 3, 4]) {
      await cluster.until(() => cluster.partition(topicId).isr.length > 1);
      isolate(at);
      const writer = await cluster.client(at, `writer-${round}`);
      for (let index = 0; index < round; index++) {
        await cluster.complete(send(writer, topicId, `tail-${round}-${index}`, { acks: 1 }));
      }
      const before = at;
      cluster.crash(at, 'kept');
      await cluster.until(() => cluster.leader(topicId) !== undefined && cluster.partition(topicId).leader !== before);
      network.heal();
      at = cluster.partition(topicId).leader;
      cluster.restartSoon(before);
    }
    await cluster.until(() => cluster.isHealed(topicId));
    checks.stop();
    await checks.compareLogs();
    expect(checks.violations).toEqual([]);
    // A tail that only its leader promised (acks 1) may survive: what was sent before the cut arrives when it is healed.
    const [first, ...tails] = await values(cluster, topicId);
    expect(first).toBe('a');
    expect(tails.every((value) => value.startsWith('tail-'))).toBe(true);
  });
});

describe('a new leader', () => {
  test('does not say where the end is before it knows, and refuses old epochs', async () => {
    const { cluster, topicId, leader, client } = await fixture({ 'min.insync.replicas': '1' });
    for (const value of ['a', 'b']) await cluster.complete(send(client, topicId, value));
    const next = cluster.partition(topicId).isr.find((id) => id !== leader)!;
    // Those who follow are not heard by the new leader: its high watermark stays what it was as follower.
    const others = cluster.nodes.filter(({ id }) => id !== next);
    await cluster.complete(send(client, topicId, 'c'));
    cluster.kill(leader);
    for (const { name, id } of others) if (id !== leader) cluster.simulation.network.cut(name, cluster.node(next).name);
    await cluster.until(() => cluster.leader(topicId) !== undefined && cluster.partition(topicId).leader !== leader);
    const { leader: now, leaderEpoch } = cluster.partition(topicId);
    const reader = await cluster.client(now, 'reader');
    const replica = cluster.leader(topicId)!;
    const latest = { topicId, partition: 0, leaderEpoch: -1, timestamp: latestTimestamp };
    const ask = () =>
      cluster.complete(reader.call(listOffsetsApi, { isolation: 'read-uncommitted', partitions: [latest] }));
    if (replica.highWatermark < (replica.leadership?.epochStartOffset ?? 0)) {
      expect(errorName((await ask()).body.partitions[0]?.error)).toBe('OFFSET_NOT_AVAILABLE');
    }
    cluster.simulation.network.heal();
    await cluster.until(() => cluster.leader(topicId)?.highWatermark === 3);
    expect((await ask()).body.partitions[0]).toMatchObject({ error: 0, offset: 3 });
    const old = await cluster.complete(fetchFrom(reader, [{ topicId, offset: 0, leaderEpoch: leaderEpoch - 1 }]));
    expect(errorName(old.partitions[0]?.error)).toBe('FENCED_LEADER_EPOCH');
    const partitions = [{ topicId, partition: 0, currentLeaderEpoch: leaderEpoch, leaderEpoch: leaderEpoch - 1 }];
    const ends = await cluster.complete(reader.call(offsetForLeaderEpochApi, { partitions }));
    expect(ends.body.partitions[0]).toMatchObject({ error: 0, endOffset: 3 });
  });
});

describe('a follower that was away', () => {
  test('catches up from nothing, over many fetches, while producers go on', async () => {
    const { cluster, topicId, leader, third, client, checks } = await fixture({ 'segment.bytes': '65536' });
    cluster.kill(third);
    await cluster.until(() => !cluster.partition(topicId).isr.includes(third));
    const value = 'x'.repeat(20_000);
    for (let index = 0; index < 60; index++) {
      expect((await cluster.complete(send(client, topicId, `${index} ${value}`))).error).toBe('NONE');
    }
    await cluster.restart(third);
    const latencies: number[] = [];
    for (let index = 0; index < 20; index++) {
      const startMs = cluster.simulation.nowMs;
      expect((await cluster.complete(send(client, topicId, `more ${index}`))).error).toBe('NONE');
      latencies.push(cluster.simulation.nowMs - startMs);
    }
    expect(Math.max(...latencies)).toBeLessThan(100);
    await cluster.until(() => cluster.isHealed(topicId));
    checks.stop();
    await checks.compareLogs();
    expect(checks.violations).toEqual([]);
    const sent = cluster.simulation.metrics(cluster.node(leader).name).value('millrace_replication_sent_bytes_total');
    expect(sent).toBeGreaterThan(60 * 20_000 * 2);
  });

  test('begins anew at the start of the leader’s log, when what it lacks was deleted', async () => {
    const { cluster, topicId, third, client, checks } = await fixture();
    await cluster.complete(send(client, topicId, 'a'));
    cluster.kill(third);
    await cluster.until(() => !cluster.partition(topicId).isr.includes(third));
    for (const value of ['b', 'c', 'd']) await cluster.complete(send(client, topicId, value));
    const partitions = [{ topicId, partition: 0, beforeOffset: 3 }];
    await cluster.complete(client.call(deleteRecordsApi, { partitions, timeoutMs: 1000 }));
    await cluster.restart(third);
    await cluster.until(() => cluster.isHealed(topicId));
    checks.stop();
    expect(cluster.replica(third, topicId)).toMatchObject({ logStartOffset: 3, endOffset: 4 });
    expect(checks.violations).toEqual([]);
  });

  test('begins anew in the middle of a batch of the leader, when what it lacks was deleted up to there', async () => {
    const { cluster, topicId, third, client, checks } = await fixture();
    cluster.kill(third);
    await cluster.until(() => !cluster.partition(topicId).isr.includes(third));
    const batch = batchOf(['a', 'b', 'c', 'd']);
    await cluster.complete(produce(client, [{ topicId, batch }], { acks: -1 }));
    const partitions = [{ topicId, partition: 0, beforeOffset: 2 }];
    await cluster.complete(client.call(deleteRecordsApi, { partitions, timeoutMs: 1000 }));
    await cluster.restart(third);
    await cluster.until(() => cluster.isHealed(topicId));
    await cluster.until(() => cluster.replica(third, topicId)?.logStartOffset === 2);
    checks.stop();
    expect(cluster.replica(third, topicId)).toMatchObject({ logStartOffset: 2, endOffset: 4 });
    expect(checks.violations).toEqual([]);
  });

  test('begins anew with a whole batch, when the leader’s log starts inside one', async () => {
    const { cluster, topicId, third, client, checks } = await fixture();
    await cluster.complete(send(client, topicId, 'a'));
    cluster.kill(third);
    await cluster.until(() => !cluster.partition(topicId).isr.includes(third));
    const batch = batchOf(['b', 'c', 'd']);
    await cluster.complete(produce(client, [{ topicId, partition: 0, batch }]));
    const partitions = [{ topicId, partition: 0, beforeOffset: 3 }];
    await cluster.complete(client.call(deleteRecordsApi, { partitions, timeoutMs: 1000 }));
    await cluster.restart(third);
    await cluster.until(() => cluster.isHealed(topicId));
    await cluster.until(() => cluster.replica(third, topicId)?.logStartOffset === 3);
    checks.stop();
    expect(cluster.replica(third, topicId)).toMatchObject({ logStartOffset: 3, endOffset: 4 });
    expect(checks.violations).toEqual([]);
  });

  test('finds its topic deleted and another of the same name, and does not mix them', async () => {
    const { cluster, topicId, third, client, checks } = await fixture();
    checks.stop();
    await cluster.complete(send(client, topicId, 'old'));
    cluster.kill(third);
    await cluster.until(() => !cluster.partition(topicId).isr.includes(third));
    const request = { topics: [{ name: 'orders', topicId: null }], timeoutMs: 10_000 };
    expect((await cluster.complete(client.call(deleteTopicsApi, request))).body.topics[0]?.error).toBe(0);
    await cluster.restart(third);
    const again = await cluster.topic('orders');
    const writer = await cluster.leaderClient(again, 'writer');
    await cluster.complete(send(writer, again, 'new'));
    await cluster.until(() => cluster.isHealed(again));
    expect((await cluster.content(third, again)).map((batch) => batch.values)).toEqual([['new']]);
  });
});

describe('a leader whose disk hangs', () => {
  test('gives the leadership away, and follows when the disk answers again', async () => {
    const { cluster, topicId, leader, client, checks } = await fixture();
    await cluster.complete(send(client, topicId, 'a'));
    const { name } = cluster.node(leader);
    cluster.simulation.setDiskLatency(name, { minMs: 20_000, maxMs: 20_000 });
    const stuck = send(client, topicId, 'b', { timeoutMs: 60_000 });
    await cluster.until(
      () => cluster.leader(topicId) !== undefined && cluster.partition(topicId).leader !== leader,
      10_000,
    );
    cluster.simulation.setDiskLatency(name, { minMs: 0.1, maxMs: 1 });
    expect((await cluster.complete(stuck)).error).not.toBe('NONE');
    const next = await cluster.leaderClient(topicId, 'next');
    expect((await cluster.complete(send(next, topicId, 'c'))).error).toBe('NONE');
    await cluster.until(() => cluster.isHealed(topicId), 60_000);
    checks.stop();
    await checks.compareLogs();
    expect(checks.violations).toEqual([]);
  });

  test('keeps it while the disk only stalls', async () => {
    const { cluster, topicId, leader, client } = await fixture();
    const { leaderEpoch } = cluster.partition(topicId);
    cluster.simulation.setDiskLatency(cluster.node(leader).name, { minMs: 1500, maxMs: 1500 });
    for (const value of ['a', 'b', 'c', 'd']) {
      expect((await cluster.complete(send(client, topicId, value, { timeoutMs: 30_000 }))).error).toBe('NONE');
    }
    expect(cluster.partition(topicId)).toMatchObject({ leader, leaderEpoch });
  });
});

describe('a stop in order', () => {
  test('hands the leadership over first, and no send fails but for having to go to another node', async () => {
    const { cluster, topicId, leader, client, checks } = await fixture();
    await cluster.complete(send(client, topicId, 'a'));
    await cluster.stop(leader);
    expect(cluster.partition(topicId).leader).not.toBe(leader);
    const next = await cluster.leaderClient(topicId, 'next');
    expect((await cluster.complete(send(next, topicId, 'b'))).offset).toBe(1);
    await cluster.restart(leader);
    await cluster.until(() => cluster.isHealed(topicId));
    expect(checks.violations).toEqual([]);
  });
});

describe('a disk that fails', () => {
  test('under a leader moves its leadership to a replica that works, and takes nothing that was acknowledged', async () => {
    const { cluster, topicId, leader, client, checks } = await fixture();
    await cluster.complete(send(client, topicId, 'a'));
    cluster.simulation.disk(cluster.node(leader).name).failNext({ operation: 'sync', path: /orders-0/, code: 'EIO' });
    expect((await cluster.complete(send(client, topicId, 'b'))).error).toBe('KAFKA_STORAGE_ERROR');
    await cluster.until(() => cluster.leader(topicId) !== undefined && cluster.partition(topicId).leader !== leader);
    const next = await cluster.leaderClient(topicId, 'next');
    expect((await cluster.complete(send(next, topicId, 'c', { timeoutMs: 10_000 }))).error).toBe('NONE');
    expect(await cluster.complete(offsetAt(next, { topicId }, -1))).toBeGreaterThanOrEqual(2);
    expect((await values(cluster, topicId))[0]).toBe('a');
    expect(checks.violations).toEqual([]);
  });
});

test('a partition that moves to other nodes is filled there and leaves nothing behind', async () => {
  const cluster = await ClusterFixture.start();
  const topicId = await cluster.topic('orders', { copies: 1 });
  const { leader } = cluster.partition(topicId);
  const target = leader === 3 ? 1 : 3;
  const client = await cluster.leaderClient(topicId);
  for (const value of ['a', 'b']) await cluster.complete(send(client, topicId, value));
  const topics = [{ name: 'orders', partitions: [{ partition: 0, replicas: [target] }] }];
  await cluster.complete(cluster.controller.alterPartitionReassignments({ topics, timeoutMs: 10_000 }));
  await cluster.until(
    () => cluster.partition(topicId).leader === target && cluster.leader(topicId)?.highWatermark === 2,
  );
  expect(await values(cluster, topicId)).toEqual(['a', 'b']);
  await cluster.until(() => cluster.replica(leader, topicId) === undefined);
  await cluster.simulation.runFor(100);
  expect(
    cluster
      .node(leader)
      .logDirectory?.logs()
      .some((one) => one.topicId === topicId),
  ).toBe(false);
});
