import { errorCode, MillraceError, sleep } from '@millrace/base';
import { createPartitionsApi, txnOffsetCommitApi } from '@millrace/protocol';
import { describe, expect, test } from 'vitest';
import { ClusterFixture } from '../cluster-fixture.js';
import { errorName } from '../node-fixture.js';
import { RawClient } from '../raw-client.js';
import { defaultGroupSettings } from '../../src/coordinator/group/group-settings.js';
import { defaultBrokerSettings } from '../../src/broker-settings.js';
import { adminCommit, committedOffsets, coordinatorOf, describeGroup, ScriptedMember } from './scripted-member.js';

const topic = { ...defaultGroupSettings.topic, partitions: 1, minBrokers: 3 };

async function fixture(seed = 1, { maxPending } = defaultGroupSettings) {
  const groups = { ...defaultGroupSettings, topic, sessionTimeoutMs: 10_000, maxPending };
  const cluster = await ClusterFixture.start({ seed, settings: { ...defaultBrokerSettings, groups } });
  const topicId = await cluster.topic('orders', { partitions: 4 });
  const first = await cluster.client(1);
  await cluster.complete(coordinatorOf(first));
  const offsetsId = cluster.image.topicByName('__consumer_offsets')?.topicId ?? '';
  await cluster.until(() => cluster.isHealed(offsetsId));
  return { cluster, topicId, offsetsId, coordinator: () => cluster.partition(offsetsId).leader };
}

type Fixture = Awaited<ReturnType<typeof fixture>>;

const patienceMs = 1000;

/** Asks the coordinator of the moment until it answers; a node that has lost power says nothing at all. */
async function asked<Value>(
  { cluster, offsetsId }: Fixture,
  ask: (client: RawClient) => Promise<Value>,
): Promise<Value> {
  const { clock } = cluster.simulation.environment('asker');
  for (;;) {
    await cluster.until(() => cluster.leader(offsetsId) !== undefined);
    const name = cluster.node(cluster.partition(offsetsId).leader).name;
    const attempt = RawClient.open(cluster.simulation.environment('asker'), { host: name, port: 7400 }).then(
      async (client) => {
        try {
          return await ask(client);
        } finally {
          client.close();
        }
      },
    );
    const late = sleep(clock, patienceMs).then(() => {
      throw new MillraceError('REQUEST_TIMED_OUT', 'nothing came', { retriable: true });
    });
    late.catch(() => undefined);
    try {
      return await cluster.complete(Promise.race([attempt, late]));
    } catch (error) {
      const code = errorCode(error);
      if (!(error instanceof MillraceError && error.retriable) && !passing.has(code)) throw error;
    }
    await cluster.simulation.runFor(5);
  }
}

/** What the bare client and its network say of a node that is gone. */
const passing: ReadonlySet<string> = new Set(['NETWORK_EXCEPTION', 'ECONNREFUSED', 'ECONNRESET']);

test('the topic of the coordinator has three copies, of which two must be in sync', async () => {
  const { cluster, offsetsId } = await fixture();
  expect(cluster.partition(offsetsId)).toMatchObject({ minInsyncReplicas: 2 });
  expect(cluster.partition(offsetsId).replicas.length).toBe(3);
});

test('a node that is not the coordinator says so', async () => {
  const { cluster, coordinator, topicId } = await fixture();
  const other = [1, 2, 3].find((id) => id !== coordinator()) ?? 0;
  const client = await cluster.client(other);
  await expect(cluster.complete(committedOffsets(client))).rejects.toMatchObject({ code: 'NOT_COORDINATOR' });
  await expect(cluster.complete(adminCommit(client, { topicId, offset: 1 }))).rejects.toMatchObject({
    code: 'NOT_COORDINATOR',
  });
  const inTransaction = client.call(txnOffsetCommitApi, {
    ...{ transactionalId: 'copier', producerId: 1, producerEpoch: 0 },
    ...{ group: 'workers', memberId: '', memberEpoch: -1, instanceId: null },
    partitions: [{ topicId, partition: 0, offset: 1, leaderEpoch: -1, metadata: null }],
  });
  await expect(cluster.complete(inTransaction)).rejects.toMatchObject({ code: 'NOT_COORDINATOR' });
  expect(await cluster.complete(coordinatorOf(client))).toMatchObject({ nodeId: coordinator() });
});

describe('a coordinator that loses power', () => {
  test('is followed by one that knows every member and every committed offset, and begins no rebalance', async () => {
    const all = await fixture();
    const { cluster, topicId, offsetsId, coordinator } = all;
    const member = new ScriptedMember(await cluster.leaderClient(offsetsId), 'a', { topics: ['orders'] });
    await cluster.complete(member.join());
    for (const offset of [1, 2, 3]) expect(await cluster.complete(member.commit(topicId, 2, offset))).toBe(0);
    const before = await asked(all, (client) => describeGroup(client));
    const lost = coordinator();
    cluster.crash(lost, 'lost');
    await cluster.until(() => coordinator() !== lost && cluster.leader(offsetsId) !== undefined);
    const value = await asked(all, (client) => committedOffsets(client));
    expect(value).toEqual({ 'orders-2': 3 });
    expect(await asked(all, (client) => describeGroup(client))).toEqual(before);
    member.client = await cluster.leaderClient(offsetsId, 'again');
    const reply = await cluster.complete(member.beat());
    expect(reply).toMatchObject({ memberEpoch: 1, assignment: null });
    await cluster.restart(lost);
    await cluster.until(() => cluster.isHealed(offsetsId));
  });

  test('is followed by one that sees topics that grew meanwhile, however many groups without members there are', async () => {
    const all = await fixture(1, { ...defaultGroupSettings, maxPending: 4 });
    const { cluster, topicId, offsetsId, coordinator } = all;
    const client = await cluster.leaderClient(offsetsId);
    await cluster.complete(new ScriptedMember(client, 'a', { topics: ['orders'] }).join());
    for (let index = 0; index < 40; index += 1) {
      const group = `without-members-${index}`;
      expect(await cluster.complete(adminCommit(client, { group, topicId, offset: 1 }))).toBe(0);
    }
    const lost = coordinator();
    cluster.crash(lost, 'lost');
    const other = await cluster.client([1, 2, 3].find((id) => id !== lost) ?? 0);
    const grow = { topics: [{ name: 'orders', partitions: 6 }], timeoutMs: 5000, validateOnly: false };
    await cluster.complete(other.call(createPartitionsApi, grow));
    expect(coordinator()).toBe(lost);
    await cluster.until(() => coordinator() !== lost && cluster.leader(offsetsId) !== undefined);
    const { rebalances } = await asked(all, (next) => describeGroup(next));
    expect(rebalances.at(-1)?.detail).toBe('topic orders has 6 partitions, not 4');
  });

  test('is followed by one that puts out whoever does not come to it', async () => {
    const all = await fixture();
    const { cluster, offsetsId, coordinator } = all;
    const member = new ScriptedMember(await cluster.leaderClient(offsetsId), 'a', { topics: ['orders'] });
    await cluster.complete(member.join());
    const lost = coordinator();
    cluster.crash(lost, 'lost');
    await cluster.until(() => coordinator() !== lost);
    await cluster.simulation.runFor(12_000);
    const value = await asked(all, (client) => describeGroup(client));
    expect(value).toMatchObject({ state: 'empty', members: [] });
    expect(value.rebalances.at(-1)?.trigger).toBe('member-expired');
  });
});

test('a coordinator without enough replicas in sync takes no commits, and goes on when they are back', async () => {
  const all = await fixture();
  const { cluster, topicId, offsetsId, coordinator } = all;
  const leader = coordinator();
  const others = [1, 2, 3].filter((id) => id !== leader);
  const client = await cluster.client(leader);
  expect(await cluster.complete(adminCommit(client, { topicId, offset: 1 }))).toBe(0);
  for (const id of others) cluster.crash(id, 'lost');
  await cluster.until(() => cluster.partition(offsetsId).isr.length === 1);
  await cluster.until(() => (cluster.leader(offsetsId)?.leadership?.isr.length ?? 0) === 1);
  await expect(cluster.complete(adminCommit(client, { topicId, offset: 2 }))).rejects.toMatchObject({
    code: 'COORDINATOR_NOT_AVAILABLE',
  });
  for (const id of others) await cluster.restart(id);
  await cluster.until(() => cluster.isHealed(offsetsId));
  expect(await asked(all, (next) => adminCommit(next, { topicId, offset: 3 }))).toBe(0);
  expect(await asked(all, (next) => committedOffsets(next))).toEqual({ 'orders-0': 3 });
});

test('a coordinator that was cut off and deposed acknowledges no commit', async () => {
  const all = await fixture();
  const { cluster, topicId, offsetsId, coordinator } = all;
  const old = coordinator();
  const client = await cluster.client(old);
  expect(await cluster.complete(adminCommit(client, { topicId, offset: 1 }))).toBe(0);
  const { network } = cluster.simulation;
  for (const { id, name } of cluster.nodes) if (id !== old) network.cut(cluster.node(old).name, name);
  cluster.node(old).faults.isCut = true;
  const late = adminCommit(client, { topicId, offset: 9 }).then(
    errorName,
    (error: unknown) => (error as MillraceError).code,
  );
  await cluster.until(() => coordinator() !== old && cluster.leader(offsetsId) !== undefined);
  expect(await asked(all, (next) => adminCommit(next, { topicId, offset: 2 }))).toBe(0);
  // Not even a heartbeat is answered there: the new coordinator may have given everything to others.
  await expect(cluster.complete(committedOffsets(client))).rejects.toMatchObject({ code: 'NOT_COORDINATOR' });
  network.heal();
  cluster.node(old).faults.isCut = false;
  expect(await cluster.complete(late)).not.toBe('NONE');
  await cluster.until(() => cluster.isHealed(offsetsId));
  expect(await asked(all, (next) => committedOffsets(next))).toEqual({ 'orders-0': 2 });
});

test.each([1, 2, 3, 4, 5, 6, 7, 8])(
  'D5: an acknowledged commit is never unknown again, whichever coordinator is asked (seed %i)',
  async (seed) => {
    const all = await fixture(seed);
    const { cluster, topicId, offsetsId, coordinator } = all;
    const random = cluster.simulation.environment('test').random.stream('faults');
    let acknowledged = -1;
    for (let offset = 1; offset <= 12; offset += 1) {
      const value = await asked(all, (client) => {
        if (random.fraction() < 0.3) {
          const victim = coordinator();
          cluster.simulation.environment('test').clock.schedule(random.fraction() * 3, () => {
            cluster.crash(victim, 'random');
            cluster.restartSoon(victim);
          });
        }
        return adminCommit(client, { topicId, offset });
      });
      if (errorName(value) === 'NONE') acknowledged = offset;
      const read = await asked(all, (client) => committedOffsets(client));
      expect(read['orders-0'] ?? -1).toBeGreaterThanOrEqual(acknowledged);
    }
    await cluster.until(() => cluster.isHealed(offsetsId));
    expect(acknowledged).toBe(12);
  },
);

test('a coordinator that was cut off for a while and is not replaced goes on', async () => {
  const all = await fixture();
  const { cluster, topicId, offsetsId, coordinator } = all;
  const leader = coordinator();
  const client = await cluster.client(leader);
  const epoch = cluster.partition(offsetsId).leaderEpoch;
  expect(await cluster.complete(adminCommit(client, { topicId, offset: 1 }))).toBe(0);
  // Nobody can be elected: the others are gone.
  for (const id of [1, 2, 3]) if (id !== leader) cluster.crash(id, 'kept');
  cluster.node(leader).faults.isCut = true;
  const late = adminCommit(client, { topicId, offset: 2 }).then(errorName, (error: unknown) => errorCode(error));
  await cluster.simulation.runFor(3000);
  cluster.node(leader).faults.isCut = false;
  for (const id of [1, 2, 3]) if (id !== leader) await cluster.restart(id);
  await cluster.until(() => cluster.isHealed(offsetsId));
  expect(await cluster.complete(late)).toBe('NOT_COORDINATOR');
  const committed = await asked(all, (next) => committedOffsets(next));
  expect(committed['orders-0']).toBeGreaterThanOrEqual(1);
  expect(await asked(all, (next) => adminCommit(next, { topicId, offset: 3 }))).toBe(0);
  expect(cluster.partition(offsetsId).leaderEpoch).toBeGreaterThanOrEqual(epoch);
});
