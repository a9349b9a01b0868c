import {
  createPartitionsApi,
  deleteGroupsApi,
  deleteTopicsApi,
  listGroupsApi,
  metadataApi,
  offsetDeleteApi,
  offsetFetchApi,
} from '@millrace/protocol';
import { describe, expect, test } from 'vitest';
import { defaultGroupSettings, type GroupSettings } from '../../src/coordinator/group/group-settings.js';
import { batchOf, errorName, NodeFixture, produce } from '../node-fixture.js';
import type { RawClient } from '../raw-client.js';
import {
  adminCommit,
  committedOffsets,
  coordinatorOf,
  describeGroup,
  memberIdOf,
  type MemberOptions,
  ScriptedMember,
} from './scripted-member.js';

async function fixture(partitions = 4, groups: Partial<GroupSettings> = {}, housekeepingMs = 30_000) {
  const settings = { groups: { ...defaultGroupSettings, ...groups }, housekeepingMs };
  const node = await NodeFixture.start({ settings });
  const client = await node.client();
  const topicId = await node.topic(client, 'orders', partitions);
  await node.complete(coordinatorOf(client));
  await ready(node, client);
  const join = async (name: string, options: MemberOptions = {}): Promise<ScriptedMember> => {
    const member = new ScriptedMember(client, name, { topics: ['orders'], ...options });
    await node.complete(member.join());
    return member;
  };
  return { node, client, topicId, join };
}

/** A coordinator that has just been made reads its log for a moment. */
async function ready(node: NodeFixture, client: RawClient): Promise<void> {
  for (;;) {
    const loading = await node
      .complete(client.call(listGroupsApi, { states: [] }))
      .then(() => false)
      .catch(() => true);
    if (!loading) return;
    await node.simulation.runFor(10);
  }
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'NONE',
    (error: unknown) => (error as { code: string }).code,
  );
}

describe('a group', () => {
  test('is found at its coordinator, which creates its topic hidden from listings and closed to producers', async () => {
    const { node, client } = await fixture();
    expect(await node.complete(coordinatorOf(client))).toMatchObject({ error: 0, nodeId: 1, host: 'node', port: 7400 });
    const list = { topics: null, allowAutoCreate: false };
    const plain = await node.complete(client.call(metadataApi, { ...list, includeInternal: false }));
    expect(plain.body.topics.map(({ name }) => name)).toEqual(['orders']);
    const all = await node.complete(client.call(metadataApi, { ...list, includeInternal: true }));
    const offsets = all.body.topics.find(({ name }) => name === '__consumer_offsets');
    expect(offsets).toMatchObject({ isInternal: true });
    expect(offsets?.partitions.length).toBe(16);
    const topicId = offsets?.topicId ?? '';
    const [produced] = await node.complete(produce(client, [{ topicId, batch: batchOf(['x']) }]));
    expect(errorName(produced?.error)).toBe('INVALID_TOPIC_EXCEPTION');
    const remove = { topics: [{ name: '__consumer_offsets', topicId: null }], timeoutMs: 1000 };
    const removed = await node.complete(client.call(deleteTopicsApi, remove));
    expect(errorName(removed.body.topics[0]?.error)).toBe('INVALID_REQUEST');
  });

  test('gives its first member everything, and shares with the second once that was given up', async () => {
    const { node, join } = await fixture();
    const a = await join('a');
    expect(a.partitions).toEqual(['orders-0', 'orders-1', 'orders-2', 'orders-3']);
    expect(a.epoch).toBe(1);
    const b = await join('b');
    expect(b.partitions).toEqual([]);
    expect(b.epoch).toBe(2);
    const before = a.owned;
    await node.complete(a.beat());
    expect(a.partitions.length).toBe(2);
    expect(a.epoch).toBe(1);
    await node.complete(b.beat());
    expect(b.partitions).toEqual([]);
    await node.complete(a.beat({ ownedPartitions: before }));
    expect(a.epoch).toBe(1);
    await node.complete(a.beat());
    expect(a.epoch).toBe(2);
    await node.complete(b.beat());
    expect([...a.partitions, ...b.partitions].sort()).toEqual(['orders-0', 'orders-1', 'orders-2', 'orders-3']);
    expect(b.partitions.length).toBe(2);
  });

  test('is told nothing new by heartbeats alone, and begins no epoch for them', async () => {
    const { node, client, join } = await fixture();
    const a = await join('a');
    for (let beat = 0; beat < 20; beat += 1) {
      const reply = await node.complete(a.beat());
      expect(reply).toMatchObject({ memberEpoch: 1, assignment: null });
    }
    expect((await node.complete(describeGroup(client))).epoch).toBe(1);
  });

  test('answers a held heartbeat as soon as there is something new, and not before', async () => {
    const { node, join } = await fixture();
    const a = await join('a');
    const startMs = node.simulation.nowMs;
    await node.complete(a.beat({ maxWaitMs: 2000 }));
    expect(node.simulation.nowMs - startMs).toBeGreaterThanOrEqual(2000);
    const held = a.beat({ maxWaitMs: 5000 });
    const joinedMs = node.simulation.nowMs;
    await join('b');
    await node.complete(held);
    expect(node.simulation.nowMs - joinedMs).toBeLessThan(200);
    expect(a.partitions.length).toBe(2);
    const quiet = a.send({ maxWaitMs: 5000, ownedPartitions: null });
    const endedMs = node.simulation.nowMs;
    await node.complete(a.beat());
    await node.complete(quiet);
    expect(node.simulation.nowMs - endedMs).toBeLessThan(200);
  });

  test('puts out a member that is silent, and whoever does not give up in time', async () => {
    const { node, client, join } = await fixture(4, { sessionTimeoutMs: 3000 });
    const a = await join('a', { rebalanceTimeoutMs: 1000 });
    const b = await join('b');
    const stubborn = a.owned;
    for (let beat = 0; beat < 5 && a.epoch > 0; beat += 1) {
      await node.simulation.runFor(400);
      await node.complete(b.beat());
      const code = await node.complete(refusal(a.send({ ownedPartitions: stubborn })));
      if (code !== 'NONE') {
        expect(code).toBe('UNKNOWN_MEMBER_ID');
        a.epoch = 0;
      }
    }
    expect(a.epoch).toBe(0);
    await node.complete(b.beat());
    expect(b.partitions.length).toBe(4);
    await node.simulation.runFor(3500);
    expect(await node.complete(refusal(b.beat()))).toBe('UNKNOWN_MEMBER_ID');
    const { state, rebalances } = await node.complete(describeGroup(client));
    expect(state).toBe('empty');
    expect(rebalances.map(({ trigger, memberId }) => [trigger, memberId])).toEqual([
      ['member-joined', memberIdOf('a')],
      ['member-joined', memberIdOf('b')],
      ['member-fenced', memberIdOf('a')],
      ['member-expired', memberIdOf('b')],
    ]);
  });

  test('says what every rebalance was for, how long it took and what moved', async () => {
    const { node, client, join } = await fixture();
    const a = await join('a');
    const b = await join('b');
    await node.complete(a.beat());
    await node.simulation.runFor(100);
    await node.complete(a.beat());
    await node.complete(b.beat());
    await node.complete(b.leave());
    await node.complete(a.beat());
    const { rebalances, members, state, epoch } = await node.complete(describeGroup(client));
    expect({ state, epoch }).toEqual({ state: 'stable', epoch: 3 });
    expect(members).toMatchObject([{ memberId: memberIdOf('a'), clientId: 'scripted', epoch: 3, state: 'stable' }]);
    expect(members[0]?.assignment).toMatchObject([{ topic: 'orders', partitions: [0, 1, 2, 3] }]);
    expect(rebalances.map(({ trigger, movedPartitions }) => [trigger, movedPartitions])).toEqual([
      ['member-joined', 4],
      ['member-joined', 2],
      ['member-left', 2],
    ]);
    expect(rebalances[1]?.durationMs).toBeGreaterThanOrEqual(100);
    expect(rebalances[1]?.moves.map(({ from, to }) => [from, to])).toEqual([
      [memberIdOf('a'), memberIdOf('b')],
      [memberIdOf('a'), memberIdOf('b')],
    ]);
  });

  test('sees topics that grow, and new ones that a pattern matches', async () => {
    const { node, client, join } = await fixture(2);
    const a = await join('a', { topics: [], pattern: 'ord*' });
    expect(a.partitions).toEqual(['orders-0', 'orders-1']);
    const held = a.beat({ maxWaitMs: 5000 });
    const grow = { topics: [{ name: 'orders', partitions: 3 }], timeoutMs: 5000, validateOnly: false };
    await node.complete(client.call(createPartitionsApi, grow));
    await node.complete(held);
    expect(a.partitions).toEqual(['orders-0', 'orders-1', 'orders-2']);
    const next = a.beat({ maxWaitMs: 5000 });
    await node.topic(client, 'orders.eu', 1);
    await node.topic(client, 'payments', 1);
    await node.complete(next);
    expect(a.partitions).toEqual(['orders-0', 'orders-1', 'orders-2', 'orders.eu-0']);
    const { rebalances } = await node.complete(describeGroup(client));
    expect(rebalances.map(({ trigger, detail }) => `${trigger}: ${detail}`).slice(1)).toEqual([
      'topics-changed: topic orders has 3 partitions, not 2',
      'topics-changed: topic orders.eu (1 partitions) is new',
    ]);
  });

  test('keeps the place of a static member that is away for a while', async () => {
    const { node, client, join } = await fixture(4, { sessionTimeoutMs: 3000 });
    const a = await join('a', { instanceId: 'one' });
    const b = await join('b');
    await node.complete(a.beat());
    await node.complete(a.beat());
    await node.complete(b.beat());
    const had = a.partitions;
    expect(await refusal(join('other', { instanceId: 'one' }))).toBe('UNRELEASED_INSTANCE_ID');
    await node.complete(a.leave(-2));
    const { epoch } = await node.complete(describeGroup(client));
    const back = await join('a-again', { instanceId: 'one' });
    expect(back.partitions).toEqual(had);
    expect((await node.complete(describeGroup(client))).epoch).toBe(epoch);
    expect(await node.complete(refusal(a.beat()))).toBe('FENCED_INSTANCE_ID');
    expect(await node.complete(refusal(a.commit(a.owned[0]?.topicId ?? '', 0, 1)))).toBe('FENCED_INSTANCE_ID');
    await node.complete(back.leave(-2));
    await node.simulation.runFor(3500);
    expect((await node.complete(describeGroup(client))).members).toEqual([]);
  });

  test.each([
    ['an empty group id', { group: '' }, 'INVALID_GROUP_ID'],
    ['an unknown assignor', { assignor: 'mine' }, 'UNSUPPORTED_ASSIGNOR'],
    ['a pattern that is none', { pattern: 'a[' }, 'INVALID_REGULAR_EXPRESSION'],
  ])('refuses %s', async (_what, options, code) => {
    const { join } = await fixture();
    expect(await refusal(join('a', options))).toBe(code);
  });

  test('fences a member whose epoch is not its own, and takes one whose reply was lost', async () => {
    const { node, join } = await fixture();
    const a = await join('a');
    await join('b');
    await node.complete(a.beat());
    const { epoch, owned } = a;
    await node.complete(a.send({ ownedPartitions: owned }));
    expect((await node.complete(a.send({ memberEpoch: epoch, ownedPartitions: owned }))).memberEpoch).toBe(2);
    expect(await node.complete(refusal(a.send({ memberEpoch: epoch })))).toBe('FENCED_MEMBER_EPOCH');
    expect(await node.complete(refusal(a.send({ memberEpoch: 9 })))).toBe('FENCED_MEMBER_EPOCH');
  });

  test('takes no more members than it may have', async () => {
    const { join } = await fixture(4, { maxMembers: 1 });
    await join('a');
    expect(await refusal(join('b'))).toBe('GROUP_MAX_SIZE_REACHED');
  });
});

describe('committed offsets', () => {
  test('are read back as they were committed, and only the owner of a partition commits it', async () => {
    const { node, client, topicId, join } = await fixture(2);
    const a = await join('a');
    expect(await node.complete(a.commit(topicId, 0, 5, a.epoch, 'text'))).toBe(0);
    const request = { group: 'g', memberId: a.memberId, memberEpoch: a.epoch, requireStable: true };
    const partitions = [0, 1].map((partition) => ({ topicId, partition }));
    const { body } = await node.complete(client.call(offsetFetchApi, { ...request, partitions }));
    expect(body.partitions).toMatchObject([
      { topic: 'orders', partition: 0, error: 0, offset: 5, leaderEpoch: 0, metadata: 'text' },
      { topic: 'orders', partition: 1, error: 0, offset: -1, metadata: null, committedMs: -1 },
    ]);
    const b = await join('b');
    expect(errorName(await node.complete(b.commit(topicId, 0, 6)))).toBe('STALE_MEMBER_EPOCH');
    await node.complete(a.beat());
    expect(errorName(await node.complete(a.commit(topicId, 1, 7)))).toBe('NONE');
    await node.complete(a.beat());
    await node.complete(b.beat());
    const [taken] = b.owned.flatMap((one) => one.partitions);
    expect(errorName(await node.complete(a.commit(topicId, taken ?? -1, 9, 1)))).toBe('STALE_MEMBER_EPOCH');
    expect(errorName(await node.complete(b.commit(topicId, taken ?? -1, 9)))).toBe('NONE');
    expect(await node.complete(refusal(a.commit(topicId, 0, 9, 99)))).toBe('STALE_MEMBER_EPOCH');
  });

  test('an older epoch commits what has been the member’s since', async () => {
    const { node, topicId, join } = await fixture(4);
    const a = await join('a');
    const b = await join('b');
    await node.complete(a.beat());
    await node.complete(a.beat());
    await node.complete(b.beat());
    expect(a.epoch).toBe(2);
    const [kept] = a.owned.flatMap((one) => one.partitions);
    expect(errorName(await node.complete(a.commit(topicId, kept ?? -1, 3, 1)))).toBe('NONE');
    const [given] = b.owned.flatMap((one) => one.partitions);
    expect(errorName(await node.complete(b.commit(topicId, given ?? -1, 3, 1)))).toBe('STALE_MEMBER_EPOCH');
  });

  test('never go back unless that is allowed', async () => {
    const { node, client, topicId } = await fixture();
    expect(await node.complete(adminCommit(client, { topicId, offset: 10 }))).toBe(0);
    const back = await node.complete(adminCommit(client, { topicId, offset: 9 }));
    expect(errorName(back)).toBe('COMMIT_GOES_BACK');
    expect(await node.complete(adminCommit(client, { topicId, offset: 4, allowRewind: true }))).toBe(0);
    expect(await node.complete(committedOffsets(client))).toEqual({ 'orders-0': 4 });
  });

  test('of a group with members are those of its members only', async () => {
    const { node, client, topicId, join } = await fixture();
    const a = await join('a');
    expect(await node.complete(refusal(adminCommit(client, { topicId, offset: 1 })))).toBe('NON_EMPTY_GROUP');
    await node.complete(a.leave());
    expect(await node.complete(adminCommit(client, { topicId, offset: 1 }))).toBe(0);
  });

  test('of partitions that do not exist, and with too long texts, are refused alone', async () => {
    const { node, client, topicId } = await fixture(1, { maxOffsetMetadataBytes: 3 });
    expect(errorName(await node.complete(adminCommit(client, { topicId, partition: 1, offset: 1 })))).toBe(
      'UNKNOWN_TOPIC_OR_PARTITION',
    );
    const unknown = 'AAAAAAAAAAAAAAAAAAAAAA';
    expect(errorName(await node.complete(adminCommit(client, { topicId: unknown, offset: 1 })))).toBe(
      'UNKNOWN_TOPIC_ID',
    );
    const a = new ScriptedMember(client, 'a', { topics: ['orders'] });
    await node.complete(a.join());
    expect(errorName(await node.complete(a.commit(topicId, 0, 1, 1, 'four')))).toBe('OFFSET_METADATA_TOO_LARGE');
  });

  test('go with their topic', async () => {
    const { node, client, topicId } = await fixture();
    await node.complete(adminCommit(client, { topicId, offset: 3 }));
    const request = { topics: [{ name: 'orders', topicId: null }], timeoutMs: 5000 };
    await node.complete(client.call(deleteTopicsApi, request));
    await node.simulation.runFor(100);
    expect(await node.complete(committedOffsets(client))).toEqual({});
  });

  test('expire when the group has had no members for the retention, and not before', async () => {
    const { node, client, topicId, join } = await fixture(4, { offsetsRetentionMs: 60_000, offsetsCheckMs: 1000 });
    const a = await join('a');
    await node.complete(a.commit(topicId, 0, 3));
    for (let beat = 0; beat < 10; beat += 1) {
      await node.simulation.runFor(10_000);
      await node.complete(a.beat());
    }
    expect(await node.complete(committedOffsets(client))).toEqual({ 'orders-0': 3 });
    await node.complete(a.leave());
    await node.simulation.runFor(55_000);
    expect(await node.complete(committedOffsets(client))).toEqual({ 'orders-0': 3 });
    await node.simulation.runFor(10_000);
    expect(await node.complete(committedOffsets(client))).toEqual({});
    const { body } = await node.complete(client.call(listGroupsApi, { states: [] }));
    expect(body.groups).toEqual([]);
  });

  test('and groups are deleted only when no member uses them', async () => {
    const { node, client, topicId, join } = await fixture();
    const a = await join('a');
    await node.complete(a.commit(topicId, 0, 3));
    const one = { group: 'g', partitions: [{ topicId, partition: 0 }] };
    const kept = await node.complete(client.call(offsetDeleteApi, one));
    expect(errorName(kept.body.partitions[0]?.error)).toBe('GROUP_SUBSCRIBED_TO_TOPIC');
    const remove = (): Promise<string[]> =>
      node
        .complete(client.call(deleteGroupsApi, { groups: ['g', 'none'] }))
        .then(({ body }) => body.groups.map(({ error }) => errorName(error)));
    expect(await remove()).toEqual(['NON_EMPTY_GROUP', 'GROUP_ID_NOT_FOUND']);
    await node.complete(a.leave());
    await node.complete(client.call(offsetDeleteApi, one));
    expect(await node.complete(committedOffsets(client))).toEqual({});
    expect(await remove()).toEqual(['NONE', 'GROUP_ID_NOT_FOUND']);
    expect((await node.complete(describeGroup(client))).state).toBe('dead');
  });
});

test('a coordinator that starts again knows what the one before had committed', async () => {
  const { node, client, topicId, join } = await fixture();
  const a = await join('a');
  await node.complete(a.commit(topicId, 2, 42));
  const before = await node.complete(describeGroup(client));
  await node.stop();
  node.simulation.kill('node');
  await node.startNode(node.simulation.restart('node'));
  const again = await node.client();
  // Never "nothing committed" while it is reading.
  const first = await node.complete(
    committedOffsets(again).catch((error: unknown) => (error as { code: string }).code),
  );
  if (first !== 'COORDINATOR_LOAD_IN_PROGRESS') expect(first).toEqual({ 'orders-2': 42 });
  await ready(node, again);
  expect(await node.complete(committedOffsets(again))).toEqual({ 'orders-2': 42 });
  expect(await node.complete(describeGroup(again))).toEqual(before);
  a.client = again;
  expect(await node.complete(a.beat())).toMatchObject({ memberEpoch: 1, assignment: null });
});

test('a coordinator whose log was compacted knows the same as before', async () => {
  const topic = { ...defaultGroupSettings.topic, partitions: 1, segmentBytes: 2000 };
  const { node, client, topicId, join } = await fixture(4, { topic }, 200);
  const a = await join('a');
  const b = await join('b');
  await node.complete(a.beat());
  await node.complete(a.beat());
  await node.complete(b.beat());
  const gone = await join('gone', { group: 'other' });
  const [mine = -1] = a.owned.flatMap((one) => one.partitions);
  for (let offset = 1; offset <= 300; offset += 1) await node.complete(a.commit(topicId, mine, offset));
  await node.complete(gone.leave());
  await node.simulation.runFor(2000);
  const offsets = node.controller.image.topicByName('__consumer_offsets');
  const log = node.logDirectory.log('__consumer_offsets', 0);
  expect(offsets?.partitions.length).toBe(1);
  expect(log?.endOffset).toBeGreaterThan(300);
  expect(log?.sizeBytes).toBeLessThan(10_000);
  const before = [await node.complete(describeGroup(client)), await node.complete(describeGroup(client, 'other'))];
  node.simulation.kill('node');
  await node.startNode(node.simulation.restart('node'));
  const again = await node.client();
  await ready(node, again);
  expect([await node.complete(describeGroup(again)), await node.complete(describeGroup(again, 'other'))]).toEqual(
    before,
  );
  expect(await node.complete(committedOffsets(again))).toEqual({ [`orders-${mine}`]: 300 });
});
