import { completion } from '@millrace/base';
import { errorByNumber } from '@millrace/protocol';
import { expect, test } from 'vitest';
import { PartitionChecks } from '../cluster-checks.js';
import { ClusterFixture, send } from '../cluster-fixture.js';

async function fixture() {
  const cluster = await ClusterFixture.start();
  const topicId = await cluster.topic('orders');
  const { leader } = cluster.partition(topicId);
  const [second, third] = [1, 2, 3].filter((id) => id !== leader) as [number, number];
  const client = await cluster.leaderClient(topicId);
  const checks = new PartitionChecks(cluster, topicId);
  await cluster.complete(send(client, topicId, 'a'));
  /** Asks for another in-sync set in the leader's name, for the state of the partition that was seen before. */
  const seen = cluster.partition(topicId);
  const ask = async (isr: readonly number[]): Promise<string> => {
    const epochOf = (id: number): number => cluster.controller.image.brokers.get(id)?.brokerEpoch ?? -1;
    const { leaderEpoch, partitionEpoch } = seen;
    const newIsr = isr.map((id) => ({ brokerId: id, brokerEpoch: epochOf(id) }));
    const partitions = [{ topicId, partition: 0, leaderEpoch, partitionEpoch, newIsr }];
    const request = { brokerId: leader, brokerEpoch: epochOf(leader), partitions };
    const [result] = (await cluster.controller.alterPartition(request)).partitions;
    return errorByNumber(result?.error ?? -1)?.name ?? 'NONE';
  };
  return { cluster, topicId, leader, second, third, client, checks, seen, ask };
}

test('of two changes of an in-sync set that were made for one state, the first counts and the other changes nothing', async () => {
  const { cluster, topicId, leader, second, third, client, checks, seen, ask } = await fixture();
  const { faults } = cluster.node(leader);
  const gate = completion();
  // The leader itself asks for nothing meanwhile.
  faults.beforeAlterPartition = () => gate.promise;
  const both = Promise.all([ask([leader, second]), ask([leader, third])]);
  expect(await cluster.complete(both)).toEqual(['NONE', 'INVALID_UPDATE_VERSION']);
  const after = cluster.partition(topicId);
  expect(after).toMatchObject({ leader, isr: [leader, second], partitionEpoch: seen.partitionEpoch + 1 });
  expect(await cluster.complete(ask([leader, third]))).toBe('INVALID_UPDATE_VERSION');
  expect(cluster.partition(topicId)).toEqual(after);
  faults.beforeAlterPartition = undefined;
  gate.resolve();
  await cluster.until(() => cluster.isHealed(topicId));
  expect((await cluster.complete(send(client, topicId, 'b'))).error).toBe('NONE');
  expect(checks.violations).toEqual([]);
});

test('a change on its way while the partition moves on is refused, and the leader asks again for what is then', async () => {
  const { cluster, topicId, leader, second, third, client, checks, ask } = await fixture();
  const { faults } = cluster.node(leader);
  const gate = completion();
  let held = 0;
  faults.beforeAlterPartition = () => {
    held += 1;
    return gate.promise;
  };
  const { network } = cluster.simulation;
  network.cut(cluster.node(third).name, cluster.node(leader).name);
  network.cut(cluster.node(leader).name, cluster.node(third).name);
  const waiting = send(client, topicId, 'b', { timeoutMs: 20_000 });
  await cluster.until(() => held > 0);
  expect(cluster.partition(topicId).isr).toContain(third);
  // Somebody was faster, from the same state.
  expect(await cluster.complete(ask([leader, second]))).toBe('NONE');
  const moved = cluster.partition(topicId);
  faults.beforeAlterPartition = undefined;
  gate.resolve();
  await cluster.simulation.runFor(100);
  expect(cluster.partition(topicId)).toEqual(moved);
  expect((await cluster.complete(waiting)).error).toBe('NONE');
  network.heal();
  await cluster.until(() => cluster.isHealed(topicId));
  expect((await cluster.complete(send(client, topicId, 'c'))).error).toBe('NONE');
  expect(checks.violations).toEqual([]);
});
