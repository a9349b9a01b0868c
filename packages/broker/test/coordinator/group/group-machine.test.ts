import type { MetadataImage } from '@millrace/controller/image';
import {
  type ConsumerGroupHeartbeatRequest,
  type ConsumerGroupHeartbeatResponse,
  type OffsetCommitResponse,
} from '@millrace/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { partitionKey } from '../../../src/coordinator/assignor/topic-partition.js';
import type { GroupEntry } from '../../../src/coordinator/group/group-entry.js';
import { groupEntryCodec } from '../../../src/coordinator/group/group-entry-codec.js';
import { awayEpoch, type GroupsState, stateName } from '../../../src/coordinator/group/group-state.js';
import { errorName } from '../../node-fixture.js';
import { GroupWorld, heartbeatRequest, machine, topicImage } from './group-world.js';

const names = ['orders', 'payments', 'logs.a', 'logs.b'];
const memberId = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const subscription = fc.record({
  topics: fc.subarray(names),
  pattern: fc.constantFrom('', '', 'logs.*', '*'),
  assignor: fc.constantFrom(null, null, 'uniform', 'range'),
});
const partition = fc
  .tuple(fc.constantFrom(...names), fc.nat(5))
  .map(([name, index]) => partitionKey(topicImage(name, 0).topicId, index));

type Step = (world: GroupWorld) => void;
const join = fc.tuple(memberId, subscription).map(
  ([id, wish]): Step =>
    (world) =>
      world.join(id, wish),
);
const beat = memberId.map(
  (id): Step =>
    (world) =>
      world.beat(id),
);
const subscribe = fc.tuple(memberId, subscription).map(
  ([id, { topics, pattern }]): Step =>
    (world) =>
      world.beat(id, { subscribedTopics: [...topics], subscribedPattern: pattern }),
);
const leave = memberId.map(
  (id): Step =>
    (world) =>
      world.leave(id),
);
const expire = memberId.map(
  (id): Step =>
    (world) =>
      world.expire(id),
);
const commit = fc.tuple(memberId, partition, fc.nat(20), fc.nat(3)).map(
  ([id, key, offset, back]): Step =>
    (world) =>
      world.commit(id, key, offset, back),
);
const transact = fc.tuple(fc.nat(2), memberId, partition, fc.nat(20), fc.nat(3)).map(
  ([producerId, id, key, offset, back]): Step =>
    (world) =>
      world.commitWithTransaction(producerId, id, key, offset, back),
);
const end = fc.tuple(fc.nat(2), fc.boolean()).map(
  ([producerId, isCommitted]): Step =>
    (world) =>
      world.endTransaction(producerId, isCommitted),
);
const grow = fc
  .tuple(fc.constantFrom(...names), fc.integer({ min: 1, max: 6 }))
  .map(([name, partitions]): Step => (world) => {
    if (partitions > (world.image.topicByName(name)?.partitions.length ?? 0)) world.setTopic(name, partitions);
    world.submit({ kind: 'topics-changed', group: 'g', image: world.image });
  });
const step = fc.oneof(
  { weight: 3, arbitrary: join },
  { weight: 12, arbitrary: beat },
  { weight: 2, arbitrary: subscribe },
  { weight: 1, arbitrary: leave },
  { weight: 1, arbitrary: expire },
  { weight: 6, arbitrary: commit },
  { weight: 4, arbitrary: transact },
  { weight: 2, arbitrary: end },
  { weight: 1, arbitrary: grow },
);

function run(steps: readonly Step[]): GroupWorld {
  const world = new GroupWorld();
  world.setTopic('orders', 4);
  world.setTopic('payments', 2);
  for (const one of steps) {
    world.nowMs += 10;
    const epoch = world.group.meta?.epoch ?? 0;
    one(world);
    expect(world.group.meta?.epoch ?? 0).toBeGreaterThanOrEqual(epoch);
    world.expectOneOwner();
    world.expectOffsets();
  }
  return world;
}

/** Everybody says what it has, as often as it takes. */
function settle(world: GroupWorld): void {
  for (let round = 0; round < 5; round += 1) for (const id of [...world.members.keys()]) world.beat(id);
}

function contentOf(state: GroupsState): unknown {
  return [...state.values()].map(({ group, meta, ...maps }) => [
    group,
    meta,
    ...Object.entries(maps).map(([name, map]) => [name, [...map.entries()].sort(([a], [b]) => (a < b ? -1 : 1))]),
  ]);
}

/** Over the bytes of the records. */
function replay(entries: readonly GroupEntry[]): GroupsState {
  let state = machine.initial();
  for (const [position, entry] of entries.entries()) {
    const { key, value } = groupEntryCodec.encode(entry);
    const decoded = groupEntryCodec.decode(key, value);
    if (decoded === undefined) throw new Error('an entry is not known when it is read back');
    state = machine.apply(state, decoded, position);
  }
  return state;
}

/** As compaction leaves it: of each key the last record, old tombstones gone. */
function compacted(entries: readonly GroupEntry[], dropsTombstones: boolean): GroupEntry[] {
  const keyOf = (entry: GroupEntry): string => Buffer.from(groupEntryCodec.encode(entry).key).toString('hex');
  const last = new Map(entries.map((entry, index) => [keyOf(entry), index]));
  return entries.filter(
    (entry, index) => last.get(keyOf(entry)) === index && !(dropsTombstones && entry.value === null),
  );
}

describe('a group under random members', () => {
  test('property: no partition has two owners, no zombie commits, and quiet members end up stable and complete', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        const world = run(steps);
        for (const id of [...world.group.members.keys()]) if (!world.members.has(id)) world.expire(id);
        settle(world);
        world.expectOneOwner();
        const { group } = world;
        expect(stateName(group)).toMatch(/^(stable|empty|dead)$/);
        settle(world);
        expect(world.group.meta?.epoch).toBe(group.meta?.epoch);
        const wanted = (group.meta?.topics ?? []).flatMap(({ topicId, partitions }) =>
          Array.from({ length: partitions }, (_, index) => partitionKey(topicId, index)),
        );
        const had = [...world.members.values()].flatMap(({ owned }) => [...owned]);
        expect(had.sort()).toEqual(wanted.sort());
      }),
      { numRuns: 1000 },
    );
  });

  test('property: the replayed log, and the compacted log, give the same state', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50, size: 'max' }), fc.nat(), (steps, cut) => {
        const world = run(steps);
        const expected = contentOf(world.state);
        expect(contentOf(replay(world.log))).toEqual(expected);
        expect(contentOf(replay(compacted(world.log, false)))).toEqual(expected);
        expect(contentOf(replay(compacted(world.log, true)))).toEqual(expected);
        // Compaction stops somewhere: what comes after is whole.
        const at = world.log.length === 0 ? 0 : cut % world.log.length;
        const partly = [...compacted(world.log.slice(0, at), false), ...world.log.slice(at)];
        expect(contentOf(replay(partly))).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });

  test('property: a decision leaves the state that it looked at as it was', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30, size: 'max' }), (steps) => {
        const world = run(steps);
        const { state, image } = world;
        const before = contentOf(state);
        machine.decide(state, { kind: 'topics-changed', group: 'g', image }, 1, 0);
        for (const id of world.group.members.keys()) {
          const reason = { kind: 'session' as const, timeoutMs: 1 };
          machine.decide(state, { kind: 'expire-member', group: 'g', memberId: id, image, reason }, 1, 0);
        }
        expect(contentOf(state)).toEqual(before);
      }),
      { numRuns: 100 },
    );
  });
});

test('metadata that is older than what the group was assigned by changes nothing', () => {
  const world = new GroupWorld();
  world.setTopic('orders', 2);
  const old = world.image;
  world.setTopic('orders', 4);
  world.join('a', { topics: ['orders'], pattern: '', assignor: null });
  world.submit({ kind: 'topics-changed', group: 'g', image: old });
  expect(world.group.meta).toMatchObject({ epoch: 1, topics: [{ name: 'orders', partitions: 4 }] });
});

test('offsets of a topic are dropped only by metadata that is newer than the commit', () => {
  const world = new GroupWorld();
  const old = world.image;
  world.setTopic('orders', 1);
  const { topicId } = topicImage('orders', 1);
  const entry = { topicId, partition: 0, offset: 5, leaderEpoch: -1, metadata: null };
  const base = { group: 'g', memberId: '', memberEpoch: -1, instanceId: null, allowRewind: false };
  const request = { ...base, partitions: [entry] };
  world.submit({ kind: 'commit-offsets', group: 'g', request, image: world.image });
  world.submit({ kind: 'expire-offsets', group: 'g', image: old });
  expect(world.group.offsets.size).toBe(1);
  const topic = world.image.topicById(topicId);
  if (topic === undefined) throw new Error('the topic is there');
  const newer = world.image.withoutTopic(topic).withPosition(world.image.position + 1);
  world.submit({ kind: 'expire-offsets', group: 'g', image: newer });
  expect(world.group.offsets.size).toBe(0);
});

test('what a member read of a deleted topic is refused for good, once the metadata is new enough to know', () => {
  const world = new GroupWorld();
  const old = world.image;
  world.setTopic('orders', 1);
  world.join('a', { topics: ['orders'], pattern: '', assignor: null });
  const { topicId } = topicImage('orders', 1);
  const topic = world.image.topicById(topicId);
  if (topic === undefined) throw new Error('the topic is there');
  const deleted = world.image.withoutTopic(topic).withPosition(world.image.position + 1);
  const commit = (image: MetadataImage): unknown => {
    const entry = { topicId, partition: 0, offset: 5, leaderEpoch: -1, metadata: null };
    const base = { group: 'g', memberId: 'a', memberEpoch: 1, instanceId: null, allowRewind: false };
    const request = { ...base, partitions: [entry] };
    const reply = world.submit({ kind: 'commit-offsets', group: 'g', request, image }) as OffsetCommitResponse;
    return reply.partitions.map(({ error }) => errorName(error));
  };
  expect(commit(old)).toEqual(['UNKNOWN_TOPIC_ID']);
  expect(commit(deleted)).toEqual(['STALE_MEMBER_EPOCH']);
});

test('a static member that is away keeps what it has, and its successor is no rebalance', () => {
  const world = new GroupWorld();
  world.setTopic('orders', 3);
  const { image } = world;
  const said = { rebalanceTimeoutMs: 10, subscribedTopics: ['orders'], ownedPartitions: [], instanceId: 'one' };
  const join = (id: string, changes: Partial<ConsumerGroupHeartbeatRequest>): ConsumerGroupHeartbeatResponse => {
    const request = heartbeatRequest(id, changes);
    return world.submit({ kind: 'heartbeat', group: 'g', request, host: 'h', image }) as ConsumerGroupHeartbeatResponse;
  };
  join('a', said);
  const request = heartbeatRequest('a', { memberEpoch: awayEpoch, instanceId: 'one' });
  world.submit({ kind: 'leave', group: 'g', request, image });
  expect(stateName(world.group)).toBe('stable');
  expect(join('b', said)).toMatchObject({ memberEpoch: 1, assignment: [{ partitions: [0, 1, 2] }] });
  expect(world.group.meta?.epoch).toBe(1);
});
