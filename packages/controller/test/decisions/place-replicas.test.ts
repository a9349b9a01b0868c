import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type PlacementBroker, placeReplicas } from '../../src/decisions/place-replicas.js';

const none = { replicas: new Map<number, number>(), leaders: new Map<number, number>() };

function broker(nodeId: number, rack: string | null = null, hostLabel: string | null = null): PlacementBroker {
  return { nodeId, rack, hostLabel, isActive: true };
}

function spread(counts: Iterable<number>): number {
  const all = [...counts];
  return Math.max(...all) - Math.min(...all);
}

function countBy(brokers: readonly PlacementBroker[], nodeIds: readonly number[]): number[] {
  return brokers.map(({ nodeId }) => nodeIds.filter((one) => one === nodeId).length);
}

function groupBy<Item, Key>(items: readonly Item[], keyOf: (item: Item) => Key): Map<Key, Item[]> {
  const groups = new Map<Key, Item[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}

const sizes = fc.integer({ min: 1, max: 12 }).chain((count) =>
  fc.record({
    count: fc.constant(count),
    replicationFactor: fc.integer({ min: 1, max: Math.min(count, 5) }),
    partitions: fc.integer({ min: 1, max: 40 }),
  }),
);

test('property: without racks every broker gets as many copies as any other, and leads as many, give or take one', () => {
  fc.assert(
    fc.property(sizes, ({ count, replicationFactor, partitions }) => {
      const brokers = Array.from({ length: count }, (_, index) => broker(index));
      const placed = placeReplicas({ brokers, load: none, partitions, replicationFactor });
      expect(placed).toHaveLength(partitions);
      for (const replicas of placed) expect(new Set(replicas).size).toBe(replicationFactor);
      expect(spread(countBy(brokers, placed.flat()))).toBeLessThanOrEqual(1);
      expect(
        spread(
          countBy(
            brokers,
            placed.map(([leader = -1]) => leader),
          ),
        ),
      ).toBeLessThanOrEqual(1);
    }),
    { numRuns: 1000 },
  );
});

test('property: one topic after the other is balanced as one topic is', () => {
  fc.assert(
    fc.property(sizes, ({ count, replicationFactor, partitions }) => {
      const brokers = Array.from({ length: count }, (_, index) => broker(index));
      const load = { replicas: new Map<number, number>(), leaders: new Map<number, number>() };
      const single: number[][] = [];
      for (let i = 0; i < partitions; i += 1) {
        const [replicas = []] = placeReplicas({ brokers, load, partitions: 1, replicationFactor });
        for (const replica of replicas) load.replicas.set(replica, (load.replicas.get(replica) ?? 0) + 1);
        const [leader = -1] = replicas;
        load.leaders.set(leader, (load.leaders.get(leader) ?? 0) + 1);
        single.push(replicas);
      }
      expect(single).toEqual(placeReplicas({ brokers, load: none, partitions, replicationFactor }));
    }),
  );
});

const labelled = fc
  .array(
    fc.record({
      rack: fc.option(fc.constantFrom('a', 'b', 'c', 'd')),
      hostLabel: fc.option(fc.constantFrom('h1', 'h2', 'h3', 'h4', 'h5')),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((labels) => labels.map(({ rack, hostLabel }, index) => broker(index, rack, hostLabel)));

test('property: copies are on as many racks as there are, and no rack has two more than another with room', () => {
  fc.assert(
    fc.property(
      labelled,
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 20 }),
      (brokers, factor, partitions) => {
        const replicationFactor = Math.min(factor, brokers.length);
        const byRack = groupBy(brokers, ({ rack }) => rack);
        for (const replicas of placeReplicas({ brokers, load: none, partitions, replicationFactor })) {
          expect(new Set(replicas).size).toBe(replicationFactor);
          const used = groupBy(replicas, (nodeId) => brokers[nodeId]?.rack ?? null);
          expect(used.size).toBe(Math.min(replicationFactor, byRack.size));
          for (const [rack, members] of byRack) {
            const here = used.get(rack)?.length ?? 0;
            if (here === members.length) continue;
            for (const other of used.values()) expect(other.length - here).toBeLessThanOrEqual(1);
          }
        }
      },
    ),
  );
});

test('property: within one rack, copies are on as many hosts as there are', () => {
  const oneRack = fc
    .array(fc.constantFrom('h1', 'h2', 'h3', 'h4'), { minLength: 1, maxLength: 12 })
    .map((hosts) => hosts.map((host, index) => broker(index, 'a', host)));
  fc.assert(
    fc.property(oneRack, fc.integer({ min: 1, max: 6 }), (brokers, factor) => {
      const replicationFactor = Math.min(factor, brokers.length);
      const hosts = new Set(brokers.map(({ hostLabel }) => hostLabel)).size;
      for (const replicas of placeReplicas({ brokers, load: none, partitions: 9, replicationFactor })) {
        const used = new Set(replicas.map((nodeId) => brokers[nodeId]?.hostLabel));
        expect(used.size).toBe(Math.min(replicationFactor, hosts));
      }
    }),
  );
});

test('property: with racks of the same size no broker has more than two copies above another', () => {
  fc.assert(
    fc.property(
      fc.record({
        racks: fc.integer({ min: 1, max: 4 }),
        perRack: fc.integer({ min: 1, max: 4 }),
        partitions: fc.integer({ min: 1, max: 30 }),
      }),
      fc.integer({ min: 1, max: 4 }),
      ({ racks, perRack, partitions }, factor) => {
        const brokers = Array.from({ length: racks * perRack }, (_, index) => broker(index, `r${index % racks}`));
        const replicationFactor = Math.min(factor, brokers.length);
        const placed = placeReplicas({ brokers, load: none, partitions, replicationFactor });
        expect(spread(countBy(brokers, placed.flat()))).toBeLessThanOrEqual(2);
      },
    ),
    { numRuns: 1000 },
  );
});

test('property: a broker that is not active holds a copy only where all active ones hold one', () => {
  const brokersInAnyState = fc
    .array(
      fc.record({ rack: fc.option(fc.constantFrom('a', 'b', 'c')), isActive: fc.boolean(), held: fc.nat({ max: 9 }) }),
      { minLength: 1, maxLength: 8 },
    )
    .filter((drawn) => drawn.some(({ isActive }) => isActive));
  fc.assert(
    fc.property(brokersInAnyState, fc.integer({ min: 1, max: 5 }), (drawn, factor) => {
      const brokers = drawn.map(({ rack, isActive }, nodeId) => ({ ...broker(nodeId, rack), isActive }));
      const active = brokers.filter(({ isActive }) => isActive).map(({ nodeId }) => nodeId);
      const replicationFactor = Math.min(factor, brokers.length);
      const load = { replicas: new Map(drawn.map(({ held }, nodeId) => [nodeId, held])), leaders: new Map() };
      for (const replicas of placeReplicas({ brokers, load, partitions: 6, replicationFactor })) {
        const used = replicas.filter((nodeId) => active.includes(nodeId));
        expect(used).toHaveLength(Math.min(replicationFactor, active.length));
      }
    }),
  );
});
