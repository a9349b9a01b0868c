import { effectiveTopicConfig, MetadataImage, type PartitionImage } from '@millrace/controller/image';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RegisterBrokerCommand } from '../src/decisions/register-broker.js';
import { metadataSnapshotCodec } from '../src/metadata-snapshot-codec.js';
import { MachineRunner } from './machine-runner.js';

const name = fc.constantFrom('orders', 'orders.eu', 'orders_eu', 'a', 'b', '__consumer_offsets', 'bad name', '');
const nodeId = fc.integer({ min: 1, max: 4 });
const configKey = fc.constantFrom('retention.ms', 'min.insync.replicas', 'cleanup.policy', 'no.such.key');
const configValue = fc.constantFrom('1', '2', '3', 'compact', 'nonsense');

const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('start' as const),
      nodeId,
      dies: fc.constantFrom('clean', 'unclean', 'empty'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('fence' as const), nodeId }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('heartbeat' as const), nodeId, stop: fc.boolean(), fence: fc.boolean() }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('create' as const),
      name,
      partitions: fc.integer({ min: -1, max: 5 }),
      replicationFactor: fc.integer({ min: -1, max: 4 }),
      configs: fc.array(fc.record({ key: configKey, value: configValue }), { maxLength: 1 }),
      validateOnly: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('auto-create' as const), names: fc.array(name, { maxLength: 3 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), name }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('grow' as const), name, partitions: fc.integer({ min: 0, max: 8 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('alter' as const),
      name,
      changes: fc.array(fc.record({ key: configKey, value: fc.option(configValue) }), { maxLength: 2 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('producer-ids' as const), nodeId }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('isr' as const),
      name,
      partition: fc.integer({ min: 0, max: 3 }),
      members: fc.uniqueArray(nodeId),
      isLate: fc.integer({ min: 0, max: 4 }).map((draw) => draw === 0),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('reassign' as const),
      name,
      partition: fc.integer({ min: 0, max: 3 }),
      replicas: fc.option(fc.uniqueArray(nodeId, { maxLength: 3 })),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('elect' as const),
      electionType: fc.constantFrom('preferred' as const, 'preferred' as const, 'unclean' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('balance' as const), limit: fc.integer({ min: 0, max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('unregister' as const), nodeId }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('settle' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** What must be so, looked at after every command. */
class Oracle {
  /** Partitions by topic name, from the replies alone. */
  readonly topics = new Map<string, number>();
  readonly #idsEver = new Set<string>();
  readonly #leaders = new Map<string, number>();
  readonly #brokerEpochs = new Map<number, number>();
  /**
   * Ghosts: by partition, the replicas that hold every record that was acknowledged. At their worst: as soon as enough
   * are in sync, something is acknowledged that nobody else has.
   */
  readonly #holders = new Map<string, ReadonlySet<number>>();
  /** Nodes whose disks were emptied since the last look. */
  readonly emptied = new Set<number>();
  /** By partition, whom its leader took into the in-sync set since the last look. */
  readonly caughtUp = new Map<string, readonly number[]>();
  /** Whether an operator gave records up since the last look. */
  isUnclean = false;
  #producerIdsBelow = 0;

  takeProducerIds(first: number, count: number): void {
    expect(first).toBe(this.#producerIdsBelow);
    this.#producerIdsBelow = first + count;
  }

  check(before: MetadataImage, after: MetadataImage): void {
    const topics = after.topicsByName();
    expect(topics.map((topic) => [topic.name, topic.partitions.length])).toEqual(
      [...this.topics].sort(([a], [b]) => (a < b ? -1 : 1)),
    );
    expect(after.partitionCount).toBe(topics.reduce((sum, { partitions }) => sum + partitions.length, 0));
    expect(new Set(topics.map((topic) => topic.name.replaceAll('.', '_'))).size).toBe(topics.length);
    for (const { topicId } of topics) {
      if (before.topicById(topicId) === undefined) expect(this.#idsEver.has(topicId), `${topicId} is new`).toBe(false);
      this.#idsEver.add(topicId);
    }
    for (const broker of after.brokers.values()) {
      const epoch = this.#brokerEpochs.get(broker.nodeId) ?? -1;
      expect(broker.brokerEpoch).toBeGreaterThanOrEqual(epoch);
      this.#brokerEpochs.set(broker.nodeId, broker.brokerEpoch);
    }
    for (const topic of topics) {
      const minIsr = effectiveTopicConfig(topic, {}).values['min.insync.replicas'];
      for (const partition of topic.partitions) {
        const where = `${topic.topicId}-${partition.partition}`;
        this.#checkPartition(where, before.partition(topic.topicId, partition.partition), partition, minIsr);
        if (partition.leader !== -1) expect(after.brokers.get(partition.leader)?.state).toBe('active');
        expect(partition.isr.every((id) => after.brokers.get(id)?.state === 'active')).toBe(true);
        this.#followRecords(where, before.partition(topic.topicId, partition.partition), partition);
      }
    }
    this.emptied.clear();
    this.caughtUp.clear();
    this.isUnclean = false;
  }

  #followRecords(where: string, before: PartitionImage | undefined, after: PartitionImage): void {
    const { leader, isr, minInsyncReplicas } = after;
    const holders = new Set(this.#holders.get(where) ?? after.replicas);
    for (const nodeId of this.emptied) if (before !== undefined) holders.delete(nodeId);
    // Who is taken into the in-sync set by its leader has caught up with it.
    if (before !== undefined && holders.has(before.leader)) {
      for (const replica of this.caughtUp.get(where) ?? []) holders.add(replica);
    }
    const isElected = leader !== -1 && leader !== before?.leader;
    if (isElected && this.isUnclean && !holders.has(leader)) holders.clear();
    else if (leader !== -1) expect([...holders], `${where} is led by ${leader}`).toContain(leader);
    if (leader !== -1 && isr.length >= minInsyncReplicas) this.#holders.set(where, new Set(isr));
    else this.#holders.set(where, holders.size === 0 && leader !== -1 ? new Set([leader]) : holders);
  }

  #checkPartition(where: string, before: PartitionImage | undefined, after: PartitionImage, minIsr: number): void {
    const key = `${where} epoch ${after.leaderEpoch}`;
    expect(this.#leaders.get(key) ?? after.leader, key).toBe(after.leader);
    this.#leaders.set(key, after.leader);
    expect(after.isr.filter((id) => after.elr.includes(id))).toEqual([]);
    expect([...after.isr, ...after.elr].every((id) => after.replicas.includes(id))).toBe(true);
    expect(new Set(after.replicas).size).toBe(after.replicas.length);
    if (before === undefined || before === after) return;
    expect(after.partitionEpoch).toBeGreaterThan(before.partitionEpoch);
    expect(after.leaderEpoch).toBeGreaterThanOrEqual(before.leaderEpoch);
    const copies = after.replicas.length - after.adding.length;
    expect(after.minInsyncReplicas).toBe(Math.min(minIsr, copies));
    if (after.leader !== -1 && after.leader !== before.leader && !this.isUnclean) {
      // Several changes may lie between the two images; each elects from what the one before left.
      expect([...before.isr, ...before.elr, ...(this.caughtUp.get(where) ?? [])]).toContain(after.leader);
    }
    if (after.isr.length >= after.minInsyncReplicas) expect(after.elr).toEqual([]);
    const isGone = before.replicas.some((replica) => !after.replicas.includes(replica));
    if (isGone) expect(after.leaderEpoch).toBeGreaterThan(before.leaderEpoch);
    if (after.adding.length + after.removing.length > 0) {
      expect(after.replicas.filter((id) => !after.adding.includes(id)).length).toBeGreaterThan(0);
      expect(after.adding.filter((id) => after.removing.includes(id))).toEqual([]);
    }
  }
}

function perform(runner: MachineRunner, oracle: Oracle, one: Step): void {
  switch (one.do) {
    case 'start': {
      const before = runner.image.brokers.get(one.nodeId);
      const request: RegisterBrokerCommand['request'] = {
        nodeId: one.nodeId,
        incarnationId: `incarnation ${runner.log.length}`,
        directoryId: one.dies === 'empty' ? `directory ${runner.log.length}` : (before?.directoryId ?? 'directory'),
        cleanStopEpoch: one.dies === 'clean' ? (before?.brokerEpoch ?? -1) : -1,
        roles: ['broker'],
        rack: `rack ${one.nodeId % 2}`,
        hostLabel: null,
        host: 'localhost',
        port: 7400 + one.nodeId,
      };
      if (one.dies === 'empty') oracle.emptied.add(one.nodeId);
      const { brokerEpoch } = runner.run({ kind: 'register-broker', request, isHeard: false });
      expect(runner.run({ kind: 'register-broker', request, isHeard: true })).toEqual({ brokerEpoch });
      break;
    }
    case 'fence': {
      const { nodeId } = one;
      const brokerEpoch = runner.image.brokers.get(nodeId)?.brokerEpoch ?? -1;
      runner.run({ kind: 'fence-broker', nodeId, brokerEpoch });
      break;
    }
    case 'heartbeat': {
      if (!runner.image.brokers.has(one.nodeId)) break;
      const request = { ...runner.heartbeat(one.nodeId), wantShutdown: one.stop, wantFence: one.fence };
      runner.run({ kind: 'broker-heartbeat', request });
      break;
    }
    case 'create': {
      const { name, partitions, replicationFactor, configs, validateOnly } = one;
      const request = { topics: [{ name, partitions, replicationFactor, configs }], validateOnly };
      const { topics } = runner.run({ kind: 'create-topics', request, topicIds: runner.topicIds(1) });
      for (const topic of topics)
        if (topic.error === 0 && !validateOnly) oracle.topics.set(topic.name, topic.partitions);
      break;
    }
    case 'auto-create': {
      const { names } = one;
      const { topics } = runner.run({ kind: 'auto-create-topics', names, topicIds: runner.topicIds(names.length) });
      for (const topic of topics) if (topic.error === 0) oracle.topics.set(topic.name, topic.partitions);
      break;
    }
    case 'delete': {
      const { topics } = runner.run({
        kind: 'delete-topics',
        request: { topics: [{ name: one.name, topicId: null }] },
      });
      for (const topic of topics) if (topic.error === 0) oracle.topics.delete(topic.name ?? '');
      break;
    }
    case 'grow': {
      const request = { topics: [{ name: one.name, partitions: one.partitions }], validateOnly: false };
      const { topics } = runner.run({ kind: 'create-partitions', request });
      for (const topic of topics) if (topic.error === 0) oracle.topics.set(topic.name, one.partitions);
      break;
    }
    case 'alter': {
      const resources = [{ type: 'topic' as const, name: one.name, changes: one.changes }];
      runner.run({ kind: 'alter-configs', request: { resources, validateOnly: false } });
      break;
    }
    case 'isr': {
      const topic = runner.image.topicByName(one.name);
      const partition = topic?.partitions[one.partition];
      if (topic === undefined || partition === undefined || partition.leader === -1) break;
      const { leader: brokerId, leaderEpoch, partitionEpoch, replicas } = partition;
      const epochOf = (id: number): number => runner.image.brokers.get(id)?.brokerEpoch ?? -1;
      const members = new Set([brokerId, ...one.members.filter((id) => replicas.includes(id))]);
      const change = {
        topicId: topic.topicId,
        partition: one.partition,
        leaderEpoch,
        partitionEpoch: partitionEpoch - (one.isLate ? 1 : 0),
        newIsr: [...members].map((id) => ({ brokerId: id, brokerEpoch: epochOf(id) })),
      };
      const request = { brokerId, brokerEpoch: epochOf(brokerId), partitions: [change] };
      const { partitions } = runner.run({ kind: 'alter-partition', request });
      const error = partitions[0]?.error ?? -1;
      if (one.isLate) expect(error).not.toBe(0);
      const newLeaderElected = 108;
      if (error === 0 || error === newLeaderElected)
        oracle.caughtUp.set(`${topic.topicId}-${one.partition}`, [...members]);
      break;
    }
    case 'reassign': {
      const partitions = [{ partition: one.partition, replicas: one.replicas }];
      runner.run({ kind: 'reassign-partitions', request: { topics: [{ name: one.name, partitions }] } });
      break;
    }
    case 'elect': {
      const { electionType } = one;
      oracle.isUnclean = electionType === 'unclean';
      runner.run({ kind: 'elect-leaders', request: { electionType, partitions: null } });
      break;
    }
    case 'balance': {
      const { moved, remaining } = runner.run({ kind: 'balance-leaders', limit: one.limit });
      expect(moved).toBeLessThanOrEqual(one.limit);
      if (remaining > 0) expect(moved).toBe(one.limit);
      break;
    }
    case 'unregister': {
      const held = runner.image
        .topicsByName()
        .some(({ partitions }) => partitions.some(({ replicas }) => replicas.includes(one.nodeId)));
      try {
        runner.run({ kind: 'unregister-broker', nodeId: one.nodeId });
        expect(held).toBe(false);
      } catch (error) {
        expect(error).toMatchObject({ code: expect.stringMatching(/POLICY_VIOLATION|NOT_REGISTERED/) as string });
      }
      break;
    }
    case 'settle': {
      const before = runner.image;
      runner.run({ kind: 'settle-partitions' });
      expect(runner.image).toBe(before);
      break;
    }
    case 'producer-ids': {
      const broker = runner.image.brokers.get(one.nodeId);
      if (broker === undefined) break;
      const request = { nodeId: broker.nodeId, brokerEpoch: broker.brokerEpoch };
      const { first, count } = runner.run({ kind: 'allocate-producer-ids', request });
      oracle.takeProducerIds(first, count);
    }
  }
}

function snapshotOf(image: MetadataImage): string {
  return `${image.position} ${[...metadataSnapshotCodec.encode(image)].map((chunk) => Buffer.from(chunk).toString('hex')).join(' ')}`;
}

test('property: after any commands a replay gives the same state, a snapshot too, and nothing impossible happened', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const runner = new MachineRunner();
      const oracle = new Oracle();
      runner.formCluster();
      runner.startBroker(1);
      runner.startBroker(2);
      for (const one of steps) {
        const before = runner.image;
        perform(runner, oracle, one);
        oracle.check(before, runner.image);
      }
      const live = snapshotOf(runner.image);
      expect(snapshotOf(runner.replay())).toBe(live);
      const chunks = [...metadataSnapshotCodec.encode(runner.image)];
      expect(snapshotOf(metadataSnapshotCodec.decode(chunks, runner.image.position))).toBe(live);
    }),
    { numRuns: 400 },
  );
});

/** Steps of a cluster that has topics and brokers already: those above seldom get so far. */
const busyName = fc.constantFrom('orders', 'a');
const busyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('start' as const),
      nodeId,
      dies: fc.constantFrom('clean', 'unclean', 'unclean', 'empty'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('fence' as const), nodeId }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('heartbeat' as const),
      nodeId,
      stop: fc.integer({ min: 0, max: 9 }).map((draw) => draw === 0),
      fence: fc.constant(false),
    }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('isr' as const),
      name: busyName,
      partition: fc.integer({ min: 0, max: 1 }),
      members: fc.oneof(fc.constant<number[]>([1, 2, 3, 4]), fc.uniqueArray(nodeId)),
      isLate: fc.integer({ min: 0, max: 9 }).map((draw) => draw === 0),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('reassign' as const),
      name: busyName,
      partition: fc.integer({ min: 0, max: 1 }),
      replicas: fc.option(fc.uniqueArray(nodeId, { minLength: 1, maxLength: 3 })),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('alter' as const),
      name: busyName,
      changes: fc.tuple(
        fc.record({ key: fc.constant('min.insync.replicas'), value: fc.option(fc.constantFrom('1', '2', '3')) }),
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('elect' as const),
      electionType: fc.constantFrom('preferred' as const, 'preferred' as const, 'unclean' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('balance' as const), limit: fc.integer({ min: 0, max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('settle' as const) }) },
);

test('property: however brokers come and go, leaders hold all that was acknowledged', () => {
  let changes = 0;
  fc.assert(
    fc.property(fc.array(busyStep, { minLength: 20, maxLength: 80 }), (steps) => {
      const runner = new MachineRunner();
      const oracle = new Oracle();
      runner.formCluster();
      for (const nodeId of [1, 2, 3, 4]) runner.startBroker(nodeId);
      for (const [name, replicationFactor] of [
        ['orders', 3],
        ['a', 2],
      ] as const) {
        runner.createTopic(name, 2, replicationFactor);
        oracle.topics.set(name, 2);
      }
      oracle.check(MetadataImage.empty, runner.image);
      for (const one of steps) {
        const before = runner.image;
        perform(runner, oracle, one);
        oracle.check(before, runner.image);
      }
      expect(snapshotOf(runner.replay())).toBe(snapshotOf(runner.image));
      changes += runner.log.length;
    }),
    { numRuns: 100 },
  );
  // Most of what is asked for is possible.
  expect(changes).toBeGreaterThan(2000);
});

test('property: a decision changes nothing it is given', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 15 }), (steps) => {
      const runner = new MachineRunner();
      const oracle = new Oracle();
      runner.formCluster();
      runner.startBroker(1);
      const images = [{ image: runner.image, snapshot: snapshotOf(runner.image) }];
      for (const one of steps) {
        perform(runner, oracle, one);
        images.push({ image: runner.image, snapshot: snapshotOf(runner.image) });
      }
      for (const { image, snapshot } of images) expect(snapshotOf(image)).toBe(snapshot);
    }),
    { numRuns: 100 },
  );
});
