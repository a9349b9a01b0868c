import type { PartitionImage } from '@millrace/controller/image';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { partitionImage } from '../partition-image.js';
import {
  type Departure,
  type PartitionRules,
  withLeader,
  withoutReplica,
} from '../../src/decisions/partition-transition.js';

function partition(change: Partial<PartitionImage> = {}): PartitionImage {
  return partitionImage({ leaderEpoch: 5, partitionEpoch: 9, replicas: [1, 2, 3], minInsyncReplicas: 2, ...change });
}

function rules(active: readonly number[], change: Partial<PartitionRules> = {}): PartitionRules {
  return { minInsyncReplicas: 2, allowUncleanElection: false, isActive: (id) => active.includes(id), ...change };
}

describe('a broker leaves', () => {
  test('and was the leader: the next in-sync replica leads, with new epochs', () => {
    const after = withoutReplica(partition(), 1, 'clean', rules([2, 3]));
    expect(after).toEqual(partition({ leader: 2, leaderEpoch: 6, partitionEpoch: 10, isr: [2, 3] }));
  });

  test('and was a follower: the leader and its epoch stay', () => {
    const after = withoutReplica(partition(), 3, 'clean', rules([1, 2]));
    expect(after).toEqual(partition({ partitionEpoch: 10, isr: [1, 2] }));
  });

  test('and too few are left in sync: it stays eligible', () => {
    const before = partition({ isr: [1, 2] });
    expect(withoutReplica(before, 2, 'clean', rules([1]))).toMatchObject({ leader: 1, isr: [1], elr: [2] });
    expect(withoutReplica(before, 2, 'unclean', rules([1]))).toMatchObject({ leader: 1, isr: [1], elr: [] });
  });

  test('as the last one: nobody leads, and only it may come back, unless its disk is another', () => {
    const before = partition({ isr: [1] });
    const offline = { leader: -1, leaderEpoch: 6, isr: [] };
    expect(withoutReplica(before, 1, 'clean', rules([]))).toMatchObject({ ...offline, elr: [1] });
    expect(withoutReplica(before, 1, 'unclean', rules([2]))).toMatchObject({ ...offline, elr: [1] });
    expect(withoutReplica(before, 1, 'new-directory', rules([]))).toMatchObject({ ...offline, elr: [] });
  });

  test('and had no part in it: nothing changes', () => {
    const before = partition({ isr: [1, 2], elr: [] });
    for (const departure of ['clean', 'unclean', 'new-directory'] as const) {
      expect(withoutReplica(before, 3, departure, rules([1, 2]))).toBe(before);
    }
  });

  test('uncleanly, and was eligible: it is so no longer', () => {
    const before = partition({ isr: [1], elr: [2] });
    expect(withoutReplica(before, 2, 'unclean', rules([1]))).toMatchObject({ isr: [1], elr: [], leaderEpoch: 5 });
    expect(withoutReplica(before, 2, 'clean', rules([1]))).toBe(before);
  });
});

describe('a partition without a leader', () => {
  const offline = partition({ leader: -1, isr: [], elr: [2] });

  test('waits for an eligible replica', () => {
    expect(withLeader(offline, rules([1, 3]))).toBe(offline);
    const after = withLeader(offline, rules([1, 2]));
    expect(after).toEqual(partition({ leader: 2, leaderEpoch: 6, partitionEpoch: 10, isr: [2], elr: [] }));
  });

  test('takes any live replica only when the topic allows to lose records', () => {
    const after = withLeader(offline, rules([3], { allowUncleanElection: true }));
    expect(after).toMatchObject({ leader: 3, isr: [3], elr: [] });
  });

  test('in an in-sync set prefers the order of the replicas', () => {
    const before = partition({ leader: -1, replicas: [3, 1, 2], isr: [1, 2] });
    expect(withLeader(before, rules([1, 2]))).toMatchObject({ leader: 1, isr: [1, 2] });
  });
});

/** Any coming and going of brokers, one partition, no unclean elections. */
test('property: leaders come from ISR and ELR, the two are disjoint, epochs only grow, and nobody is lost without cause', () => {
  const step = fc.record({
    nodeId: fc.integer({ min: 1, max: 4 }),
    what: fc.constantFrom<Departure | 'back'>('back', 'back', 'clean', 'unclean', 'new-directory'),
  });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3 }), fc.array(step, { maxLength: 40 }), (minInsyncReplicas, steps) => {
      const replicas = [1, 2, 3, 4];
      const active = new Set(replicas);
      const current = { minInsyncReplicas, allowUncleanElection: false, isActive: (id: number) => active.has(id) };
      let now = partition({ replicas, isr: replicas });
      for (const { nodeId, what } of steps) {
        const before = now;
        if (what === 'back') {
          active.add(nodeId);
          now = withLeader(now, current);
        } else {
          active.delete(nodeId);
          now = withoutReplica(now, nodeId, what, current);
        }
        const members = [...before.isr, ...before.elr];
        if (now.leader !== before.leader && now.leader !== -1) expect(members).toContain(now.leader);
        if (now.leader !== -1) {
          expect(now.isr).toContain(now.leader);
          expect(active).toContain(now.leader);
        }
        expect(now.isr.filter((id) => now.elr.includes(id))).toEqual([]);
        if (now.isr.length >= minInsyncReplicas) expect(now.elr).toEqual([]);
        expect(now.leaderEpoch - before.leaderEpoch).toBe(now.leader === before.leader ? 0 : 1);
        expect(now.partitionEpoch - before.partitionEpoch).toBe(now === before ? 0 : 1);
        // Only the one that left may lose its place, and the last keeps it unless its records are gone.
        const left = members.filter((id) => ![...now.isr, ...now.elr].includes(id));
        if (now.isr.length < minInsyncReplicas) expect(left.filter((id) => id !== nodeId)).toEqual([]);
        if (what !== 'new-directory') expect([...now.isr, ...now.elr].length > 0 || members.length === 0).toBe(true);
      }
    }),
    { numRuns: 500 },
  );
});
