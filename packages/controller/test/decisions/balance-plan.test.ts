import fc from 'fast-check';
import { expect, test } from 'vitest';
import { balancePlan } from '../../src/decisions/balance-plan.js';
import { MachineRunner } from '../machine-runner.js';

/** Brokers as given, topics placed while only the first of them were there. */
function clusterOf(racks: readonly (string | null)[], early: number, topics: readonly (readonly [number, number])[]) {
  const runner = new MachineRunner();
  runner.formCluster();
  const start = (from: number, to: number): void => {
    racks.slice(from, to).forEach((rack, index) => {
      runner.startBroker(from + index + 1, rack === null ? {} : { rack });
    });
  };
  start(0, early);
  topics.forEach(([partitions, replicationFactor], index) => {
    runner.createTopic(`topic${index}`, partitions, Math.min(early, replicationFactor));
  });
  start(early, racks.length);
  return runner;
}

function spread(counts: ReadonlyMap<number, number>, nodeIds: readonly number[]): number {
  const values = nodeIds.map((nodeId) => counts.get(nodeId) ?? 0);
  return Math.max(...values) - Math.min(...values);
}

test('property: a plan evens out what brokers hold, and uses as many racks as there are', () => {
  const racks = fc.array(fc.constantFrom(null, 'a', 'b', 'c'), { minLength: 2, maxLength: 6 });
  const topics = fc.array(fc.tuple(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 3 })), {
    minLength: 1,
    maxLength: 4,
  });
  fc.assert(
    fc.property(racks, fc.integer({ min: 1, max: 6 }), topics, (racks, early, topics) => {
      const runner = clusterOf(racks, Math.min(early, racks.length), topics);
      const plan = balancePlan(runner.image, {});
      const planned = new Map(plan.map((one) => [`${one.topic}-${one.partition}`, one.replicas]));
      const rackOf = (nodeId: number): string | null => racks[nodeId - 1] ?? null;
      const counts = new Map<number, number>();
      for (const topic of runner.image.topicsByName()) {
        for (const { partition, replicas } of topic.partitions) {
          const after = planned.get(`${topic.name}-${partition}`) ?? replicas;
          expect(new Set(after).size).toBe(replicas.length);
          const racksOf = (ids: readonly number[]): number => new Set(ids.map(rackOf)).size;
          expect(racksOf(after)).toBeGreaterThanOrEqual(racksOf(replicas));
          expect(racksOf(after)).toBe(Math.min(after.length, new Set(racks).size));
          for (const replica of after) counts.set(replica, (counts.get(replica) ?? 0) + 1);
        }
      }
      // With racks of different sizes even shares are not always possible.
      const ids = racks.map((_, index) => index + 1);
      if (new Set(racks).size === 1) expect(spread(counts, ids)).toBeLessThanOrEqual(1);
    }),
    { numRuns: 150 },
  );
});

test('a broker that is to go holds nothing afterwards', () => {
  const runner = clusterOf([null, null, null, null], 4, [
    [6, 3],
    [3, 2],
  ]);
  const plan = balancePlan(runner.image, { without: [2] });
  const planned = new Map(plan.map((one) => [`${one.topic}-${one.partition}`, one.replicas]));
  for (const topic of runner.image.topicsByName()) {
    for (const { partition, replicas } of topic.partitions) {
      expect(planned.get(`${topic.name}-${partition}`) ?? replicas).not.toContain(2);
    }
  }
  expect(balancePlan(runner.image, { without: [2], limit: 2 })).toHaveLength(2);
  expect(balancePlan(runner.image, { topics: ['none'] })).toEqual([]);
});
