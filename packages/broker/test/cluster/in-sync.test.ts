import { completion, sleep } from '@millrace/base';
import { describe, expect, test } from 'vitest';
import { PartitionChecks } from '../cluster-checks.js';
import { ClusterFixture, send, type Sent } from '../cluster-fixture.js';
import { fetchFrom, offsetAt } from '../node-fixture.js';
import type { RawClient } from '../raw-client.js';

/** A topic led by node `leader`, and its other replicas. */
async function fixture(configs: Record<string, string> = {}, copies = 3) {
  const cluster = await ClusterFixture.start();
  const topicId = await cluster.topic('orders', { configs, copies });
  const { leader, replicas } = cluster.partition(topicId);
  const [second = -1, third = -1] = replicas.filter((id) => id !== leader);
  const client = await cluster.leaderClient(topicId);
  const checks = new PartitionChecks(cluster, topicId);
  return { cluster, topicId, leader, second, third, client, checks };
}

function cutOff(cluster: ClusterFixture, id: number, from: number): void {
  cluster.simulation.network.cut(cluster.node(id).name, cluster.node(from).name);
  cluster.simulation.network.cut(cluster.node(from).name, cluster.node(id).name);
}

function slowDown(cluster: ClusterFixture, id: number, from: number, delayMs: number): void {
  const [a, b] = [cluster.node(id).name, cluster.node(from).name];
  const link = { delayMinMs: delayMs, delayMaxMs: delayMs };
  cluster.simulation.network.links.configure(a, b, link);
  cluster.simulation.network.links.configure(b, a, link);
}

/** A record every two milliseconds, whether those before are acknowledged or not, until it is ended. */
function writeWithoutPause(cluster: ClusterFixture, client: RawClient, topicId: string) {
  const { clock } = cluster.simulation.environment('writer');
  const results: Sent[] = [];
  let count = 0;
  let isOver = false;
  const write = (): void => {
    if (isOver) return;
    count += 1;
    void send(client, topicId, 'x', { timeoutMs: 10_000 }).then((sent) => results.push(sent));
    clock.schedule(2, write);
  };
  write();
  return {
    errors: () => results.map(({ error }) => error).filter((error) => error !== 'NONE'),
    /** Resolves with how many there were, when all are answered. */
    end: async (): Promise<number> => {
      isOver = true;
      await cluster.until(() => results.length === count);
      return count;
    },
  };
}

describe('a follower that lags', () => {
  test('leaves the in-sync set after replica.lag.time.max.ms, and comes back when it has all', async () => {
    const { cluster, topicId, leader, second, client, checks } = await fixture();
    cutOff(cluster, second, leader);
    const startMs = cluster.simulation.nowMs;
    const waiting = send(client, topicId, 'a', { timeoutMs: 10_000 });
    await cluster.until(() => cluster.partition(topicId).isr.length === 2);
    const lagMs = cluster.simulation.nowMs - startMs;
    expect(lagMs).toBeGreaterThan(1000);
    expect(lagMs).toBeLessThan(2000);
    expect(await cluster.complete(waiting)).toEqual({ error: 'NONE', offset: 0 });
    expect(cluster.simulation.metrics(cluster.node(leader).name).value('millrace_isr_shrinks_total')).toBe(1);
    expect(cluster.simulation.metrics(cluster.node(leader).name).value('millrace_under_replicated_partitions')).toBe(1);
    cluster.simulation.network.heal();
    await cluster.until(() => cluster.isHealed(topicId));
    expect(cluster.simulation.metrics(cluster.node(leader).name).value('millrace_isr_expands_total')).toBe(1);
    expect(checks.violations).toEqual([]);
  });

  test.each([0.2, 20])(
    'comes back while records arrive without a pause, over a link of %d ms on which all that it reports is old',
    async (delayMs) => {
      const { cluster, topicId, leader, second, client, checks } = await fixture();
      slowDown(cluster, second, leader, delayMs);
      cutOff(cluster, second, leader);
      const writes = writeWithoutPause(cluster, client, topicId);
      await cluster.until(() => cluster.partition(topicId).isr.length === 2);
      cluster.simulation.network.heal();
      await cluster.until(() => cluster.partition(topicId).isr.length === 3, 10_000);
      await cluster.simulation.runFor(500);
      expect(cluster.partition(topicId).isr).toHaveLength(3);
      const count = await writes.end();
      await cluster.until(() => cluster.isHealed(topicId));
      expect(writes.errors()).toEqual([]);
      expect(cluster.replica(second, topicId)?.endOffset).toBe(count);
      expect(checks.violations).toEqual([]);
    },
  );

  test('that came so far and then says nothing more holds nobody up for long', async () => {
    const { cluster, topicId, leader, second, client } = await fixture({ 'min.insync.replicas': '1' }, 2);
    const { simulation } = cluster;
    slowDown(cluster, second, leader, 20);
    cutOff(cluster, second, leader);
    const writes = writeWithoutPause(cluster, client, topicId);
    await cluster.until(() => cluster.partition(topicId).isr.length === 1);
    simulation.network.heal();
    let stoodSinceMs = simulation.nowMs;
    let stoodAt = -1;
    await cluster.until(() => {
      const { highWatermark = -1 } = cluster.leader(topicId) ?? {};
      if (highWatermark !== stoodAt) stoodSinceMs = simulation.nowMs;
      stoodAt = highWatermark;
      return simulation.nowMs - stoodSinceMs > 15;
    });
    expect(cluster.partition(topicId).isr, 'it is waited for, and has not joined').toEqual([leader]);
    cutOff(cluster, second, leader);
    await writes.end();
    expect(simulation.nowMs - stoodSinceMs).toBeLessThan(1500);
    expect(writes.errors()).toEqual([]);
    expect(cluster.partition(topicId).isr).toEqual([leader]);
  });

  test('is not put out while there is nothing that it lacks', async () => {
    const { cluster, topicId, leader, second } = await fixture();
    cluster.simulation.setDiskLatency(cluster.node(second).name, { minMs: 300, maxMs: 300 });
    await cluster.simulation.runFor(10_000);
    expect(cluster.partition(topicId).isr).toHaveLength(3);
    expect(cluster.replica(leader, topicId)?.leadership?.partitionEpoch).toBe(
      cluster.partition(topicId).partitionEpoch,
    );
  });

  test('whose disk is too slow to sync leaves, although it has every record in memory', async () => {
    const { cluster, topicId, second, client } = await fixture();
    cluster.simulation.setDiskLatency(cluster.node(second).name, { minMs: 20_000, maxMs: 20_000 });
    const sent = await cluster.complete(send(client, topicId, 'a', { timeoutMs: 10_000 }));
    expect(sent.error).toBe('NONE');
    expect(cluster.partition(topicId).isr).not.toContain(second);
    expect(cluster.replica(second, topicId)?.endOffset).toBe(1);
  });

  test.each(['leader', 'follower'])(
    'catches up no faster than the rate of its %s, and others are not held up',
    async (side) => {
      const { cluster, topicId, leader, second, client } = await fixture({
        [`${side}.replication.throttled.rate`]: '10000',
      });
      cutOff(cluster, second, leader);
      await cluster.complete(send(client, topicId, 'first', { timeoutMs: 10_000 }));
      for (let count = 0; count < 20; count += 1) {
        expect(await cluster.complete(send(client, topicId, 'x'.repeat(5000)))).toMatchObject({ error: 'NONE' });
      }
      const startMs = cluster.simulation.nowMs;
      cluster.simulation.network.heal();
      await cluster.until(() => cluster.isHealed(topicId));
      const tookMs = cluster.simulation.nowMs - startMs;
      expect(tookMs).toBeGreaterThan(8000);
      expect(tookMs).toBeLessThan(20_000);
    },
  );

  test('is not put out by a leader that was stopped for a while itself', async () => {
    const { cluster, topicId, leader, client } = await fixture();
    await cluster.complete(send(client, topicId, 'a'));
    const { partitionEpoch } = cluster.partition(topicId);
    cluster.simulation.pause(cluster.node(leader).name);
    await cluster.simulation.runFor(1300);
    cluster.simulation.resume(cluster.node(leader).name);
    await cluster.complete(send(client, topicId, 'b'));
    await cluster.simulation.runFor(3000);
    expect(cluster.partition(topicId).partitionEpoch).toBe(partitionEpoch);
  });
});

describe('min.insync.replicas', () => {
  test('refuses acks all before the append while too few are in sync, and takes acks 1, which nobody reads yet', async () => {
    const { cluster, topicId, second, third, client, checks } = await fixture();
    await cluster.complete(send(client, topicId, 'a'));
    cluster.kill(second);
    cluster.kill(third);
    await cluster.until(() => cluster.partition(topicId).isr.length === 1);
    await cluster.simulation.runFor(5);
    expect((await cluster.complete(send(client, topicId, 'b'))).error).toBe('NOT_ENOUGH_REPLICAS');
    expect(await cluster.complete(send(client, topicId, 'c', { acks: 1 }))).toEqual({ error: 'NONE', offset: 1 });
    await cluster.simulation.runFor(2000);
    expect(await cluster.complete(offsetAt(client, { topicId }, -1))).toBe(1);
    expect((await cluster.complete(fetchFrom(client, [{ topicId, offset: 0 }]))).values).toEqual([['a']]);
    await cluster.restart(second);
    await cluster.until(() => cluster.partition(topicId).isr.length === 2);
    await cluster.until(() => cluster.leader(topicId)?.highWatermark === 2);
    expect((await cluster.complete(send(client, topicId, 'd'))).error).toBe('NONE');
    expect(checks.violations).toEqual([]);
  });

  test('tells those who wait as soon as too few are in sync: their records are written, and may come later', async () => {
    const { cluster, topicId, leader, second, third, client } = await fixture();
    cutOff(cluster, second, leader);
    cutOff(cluster, third, leader);
    const startMs = cluster.simulation.nowMs;
    const sent = await cluster.complete(send(client, topicId, 'a', { timeoutMs: 30_000 }));
    expect(sent.error).toBe('NOT_ENOUGH_REPLICAS_AFTER_APPEND');
    expect(cluster.simulation.nowMs - startMs).toBeLessThan(3000);
    cluster.simulation.network.heal();
    await cluster.until(() => cluster.isHealed(topicId));
    expect((await cluster.complete(fetchFrom(client, [{ topicId, offset: 0 }]))).values).toEqual([['a']]);
  });
});

describe('a change of the in-sync set on its way', () => {
  /** Node `second` was away, is back, and has all: its join is on its way to the controller and held up there. */
  async function joining() {
    const made = await fixture({ 'min.insync.replicas': '1' });
    const { cluster, topicId, leader, second, third, client } = made;
    cluster.kill(third);
    cluster.kill(second);
    await cluster.until(() => cluster.partition(topicId).isr.length === 1);
    const gate = completion();
    cluster.node(leader).faults.beforeAlterPartition = () => gate.promise;
    await cluster.complete(send(client, topicId, 'a'));
    await cluster.restart(second);
    await cluster.until(() => cluster.leader(topicId)?.leadership?.maximalIsr.length === 2);
    return { ...made, gate };
  }

  test('holds the high watermark to the new member before the controller has answered', async () => {
    const { cluster, topicId, leader, second, client, gate, checks } = await joining();
    cutOff(cluster, second, leader);
    const waiting = send(client, topicId, 'b', { timeoutMs: 20_000 });
    await cluster.simulation.runFor(1000);
    expect(cluster.leader(topicId)?.highWatermark).toBe(1);
    expect(cluster.partition(topicId).isr).toEqual([leader]);
    gate.resolve();
    await cluster.until(() => cluster.partition(topicId).isr.length === 2);
    expect(cluster.leader(topicId)?.highWatermark).toBe(1);
    // In the set now, and lagging: it is put out again, and then the record is committed.
    expect((await cluster.complete(waiting)).error).toBe('NONE');
    expect(checks.violations).toEqual([]);
  });

  test('does not let in a replica that lost its disk meanwhile', async () => {
    const { cluster, topicId, leader, second, client, gate, checks } = await joining();
    cluster.crash(second);
    cluster.simulation.after(50, () => cluster.restartSoon(second));
    await cluster.until(() => cluster.node(second).broker?.problems.length === 0);
    cluster.node(leader).faults.beforeAlterPartition = undefined;
    gate.resolve();
    await cluster.complete(send(client, topicId, 'b'));
    await cluster.until(() => cluster.partition(topicId).isr.length === 2);
    expect(checks.violations).toEqual([]);
    expect(cluster.replica(second, topicId)?.endOffset).toBe(2);
  });

  test('whose answer was lost keeps the new member counted until the controller is heard', async () => {
    const { cluster, topicId, leader, second, gate, checks } = await joining();
    cluster.node(leader).faults.losesAlterPartitionAnswers = true;
    cluster.node(leader).faults.isCut = true;
    gate.resolve();
    await cluster.simulation.runFor(700);
    expect([...(cluster.leader(topicId)?.leadership?.maximalIsr ?? [])].sort()).toEqual([leader, second].sort());
    cluster.node(leader).faults.isCut = false;
    cluster.node(leader).faults.losesAlterPartitionAnswers = false;
    cluster.node(leader).faults.beforeAlterPartition = undefined;
    await cluster.until(() => cluster.partition(topicId).isr.length === 2);
    await cluster.until(
      () => cluster.leader(topicId)?.leadership?.partitionEpoch === cluster.partition(topicId).partitionEpoch,
    );
    expect(checks.violations).toEqual([]);
  });
});

test('durability replicated acknowledges what all have in memory, and does not wait for a disk', async () => {
  const { cluster, topicId, client } = await fixture({ durability: 'replicated' });
  for (const { name } of cluster.nodes) cluster.simulation.setDiskLatency(name, { minMs: 500, maxMs: 500 });
  await sleepUntilQuiet(cluster);
  const startMs = cluster.simulation.nowMs;
  expect((await cluster.complete(send(client, topicId, 'a'))).error).toBe('NONE');
  expect(cluster.simulation.nowMs - startMs).toBeLessThan(20);
  for (const { id } of cluster.nodes) expect(cluster.replica(id, topicId)?.endOffset).toBe(1);
});

async function sleepUntilQuiet(cluster: ClusterFixture): Promise<void> {
  await cluster.complete(sleep(cluster.simulation.environment('client').clock, 600));
}
