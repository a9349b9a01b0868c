import { effectiveTopicConfig, type MetadataImage, type PartitionImage } from '@millrace/controller/image';
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
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** What must be so, looked at after every command. */
class Oracle {
  /** Partitions by topic name, from the replies alone. */
  readonly topics = new Map<string, number>();
  readonly #idsEver = new Set<string>();
  readonly #leaders = new Map<string, number>();
  readonly #brokerEpochs = new Map<number, number>();
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
      }
    }
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
    if (after.leader !== -1 && after.leader !== before.leader) {
      // Several changes may lie between the two images; each elects from what the one before left.
      expect([...before.isr, ...before.elr]).toContain(after.leader);
    }
    if (after.isr.length >= Math.min(minIsr, after.replicas.length)) expect(after.elr).toEqual([]);
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
