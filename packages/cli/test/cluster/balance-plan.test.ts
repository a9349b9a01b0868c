import fc from 'fast-check';
import { expect, test } from 'vitest';
import { balancePlan } from '../../src/cluster/balance-plan.js';

interface TestNode {
  readonly nodeId: number;
  readonly roles: readonly string[];
  readonly rack: string | null;
  readonly host: string | null;
  readonly state: 'active' | 'fenced' | 'shutting-down';
}

function nodeOf(nodeId: number, change: Partial<TestNode> = {}): TestNode {
  return { nodeId, roles: ['broker'], rack: null, host: null, state: 'active', ...change };
}

function partitionsOf(...replicas: (readonly number[])[]) {
  return replicas.map((nodes, partition) => ({ partition, replicas: nodes }));
}

function apply(
  partitions: ReturnType<typeof partitionsOf>,
  moves: ReturnType<typeof balancePlan>,
): (readonly number[])[] {
  return partitions.map(
    ({ partition, replicas }) => moves.find((move) => move.partition === partition)?.replicas ?? replicas,
  );
}

const three = [nodeOf(1), nodeOf(2), nodeOf(3)];

test('what is balanced stays as it is', () => {
  expect(balancePlan(three, partitionsOf([1, 2, 3], [2, 3, 1], [3, 1, 2]))).toEqual([]);
});

test('copies leave a node that is gone', () => {
  const moves = balancePlan([nodeOf(1), nodeOf(2), nodeOf(3, { state: 'fenced' }), nodeOf(4)], partitionsOf([1, 2, 3]));
  expect(moves).toEqual([{ partition: 0, before: [1, 2, 3], replicas: [1, 2, 4] }]);
});

test('copies of a partition spread over racks, then over hosts', () => {
  const racks = [nodeOf(1, { rack: 'a' }), nodeOf(2, { rack: 'a' }), nodeOf(3, { rack: 'b' })];
  expect(balancePlan(racks, partitionsOf([1, 2]))[0]?.replicas).toContain(3);
  const hosts = [nodeOf(1, { host: 'x' }), nodeOf(2, { host: 'x' }), nodeOf(3, { host: 'y' })];
  expect(balancePlan(hosts, partitionsOf([1, 2]))[0]?.replicas).toContain(3);
});

test('leaderships are shared out where all copies are everywhere', () => {
  const partitions = partitionsOf([1, 2, 3], [1, 2, 3], [1, 2, 3]);
  const leaders = apply(partitions, balancePlan(three, partitions)).map(([first]) => first);
  expect([...leaders].sort()).toEqual([1, 2, 3]);
});

test('any plan keeps the number of copies, names no node twice, and levels the nodes', () => {
  const cluster = fc.integer({ min: 1, max: 6 }).chain((nodes) =>
    fc.record({
      nodes: fc.constant(nodes),
      partitions: fc.array(
        fc.shuffledSubarray(
          Array.from({ length: nodes }, (_, index) => index + 1),
          { minLength: 1 },
        ),
        { minLength: 1, maxLength: 12 },
      ),
    }),
  );
  fc.assert(
    fc.property(cluster, ({ nodes, partitions }) => {
      const before = partitionsOf(...partitions);
      const usable = Array.from({ length: nodes }, (_, index) => nodeOf(index + 1));
      const after = apply(before, balancePlan(usable, before));
      const load = new Map(usable.map(({ nodeId }) => [nodeId, 0]));
      for (const [index, replicas] of after.entries()) {
        expect(replicas).toHaveLength(partitions[index]?.length ?? 0);
        expect(new Set(replicas).size).toBe(replicas.length);
        for (const nodeId of replicas) load.set(nodeId, (load.get(nodeId) ?? 0) + 1);
      }
      const counts = [...load.values()];
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    }),
  );
});
