import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AssignableMember, AssignorInput, GroupAssignment } from '../../../src/coordinator/assignor/assignor.js';
import { assignors } from '../../../src/coordinator/assignor/assignors.js';
import { rangeAssignor } from '../../../src/coordinator/assignor/range-assignor.js';
import { type PartitionKey, partitionKey, topicIdOf } from '../../../src/coordinator/assignor/topic-partition.js';
import { uniformAssignor } from '../../../src/coordinator/assignor/uniform-assignor.js';

function topicId(index: number): string {
  return `topic-${index}`.padEnd(22, 'x');
}

interface Shape {
  /** Partitions of each topic. */
  readonly topics: readonly number[];
  /** Topics of each member by index; absent members are undefined. */
  readonly members: readonly (readonly number[] | undefined)[];
}

function inputOf({ topics, members }: Shape, before: GroupAssignment = new Map()): AssignorInput {
  const read = new Set(members.flatMap((one) => one ?? []));
  return {
    members: members.flatMap((subscribed, index): AssignableMember[] => {
      if (subscribed === undefined) return [];
      const memberId = `m${String(index).padStart(3, '0')}`;
      const topicIds = new Set(subscribed.filter((topic) => topic < topics.length).map(topicId));
      return [{ memberId, instanceId: null, rackId: null, topicIds, owned: before.get(memberId) ?? new Set() }];
    }),
    topics: topics.flatMap((partitions, index) => (read.has(index) ? [{ topicId: topicId(index), partitions }] : [])),
  };
}

function allPartitions({ topics }: AssignorInput): PartitionKey[] {
  return topics.flatMap((topic) =>
    Array.from({ length: topic.partitions }, (_, index) => partitionKey(topic.topicId, index)),
  );
}

/** Each partition has one owner, who subscribes to it. */
function expectComplete(input: AssignorInput, assignment: GroupAssignment): void {
  expect([...assignment.keys()].sort()).toEqual(input.members.map(({ memberId }) => memberId).sort());
  const given = [...assignment.values()].flatMap((one) => [...one]);
  expect(given.sort()).toEqual(allPartitions(input).sort());
  for (const { memberId, topicIds } of input.members) {
    for (const key of assignment.get(memberId) ?? []) expect(topicIds.has(topicIdOf(key))).toBe(true);
  }
}

function moves(before: GroupAssignment, after: GroupAssignment): number {
  let moved = 0;
  for (const [memberId, partitions] of after) {
    for (const key of partitions) if (before.get(memberId)?.has(key) !== true) moved += 1;
  }
  return moved;
}

/** What any balanced assignment has to move: whoever has most keeps one of those that cannot be divided. */
function fewestMoves(input: AssignorInput, before: GroupAssignment): number {
  const known = new Set(allPartitions(input));
  const owned = input.members
    .map(({ memberId }) => [...(before.get(memberId) ?? [])].filter((key) => known.has(key)).length)
    .sort((a, b) => b - a);
  const each = Math.floor(known.size / owned.length);
  const oneMore = known.size % owned.length;
  const kept = owned.reduce((sum, size, place) => sum + Math.min(size, each + (place < oneMore ? 1 : 0)), 0);
  return known.size - kept;
}

const topics = fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 4 });
/** Who is there in each step of a group's life. */
const presence = fc.array(fc.array(fc.boolean(), { minLength: 9, maxLength: 9 }), { minLength: 1, maxLength: 8 });
const subscriptions = fc.array(fc.uniqueArray(fc.nat(3), { maxLength: 4 }), { minLength: 1, maxLength: 6 });

/** What the uniform assignor gives: everything, in equal shares, with the fewest moves. */
function assignedEvenly(input: AssignorInput, before: GroupAssignment): GroupAssignment {
  const after = uniformAssignor.assign(input);
  expectComplete(input, after);
  const loads = [...after.values()].map(({ size }) => size);
  expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1);
  expect(moves(before, after)).toBe(fewestMoves(input, before));
  return after;
}

describe('uniform', () => {
  test('property: equal subscriptions give complete and even assignments with the fewest moves possible', () => {
    fc.assert(
      fc.property(topics, topics, presence, (first, grown, steps) => {
        let before: GroupAssignment = new Map();
        for (const [step, present] of steps.entries()) {
          const sizes = step % 2 === 0 ? first : first.map((size, index) => size + (grown[index] ?? 0));
          const all = sizes.map((_, index) => index);
          const input = inputOf({ topics: sizes, members: present.map((is) => (is ? all : undefined)) }, before);
          if (input.members.length === 0) continue;
          before = assignedEvenly(input, before);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('property: different subscriptions give assignments that no chain of moves makes more even', () => {
    const changing = fc.array(fc.option(fc.uniqueArray(fc.nat(3), { maxLength: 4 }), { nil: undefined }), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(topics, fc.array(changing, { minLength: 1, maxLength: 4 }), (sizes, steps) => {
        let before: GroupAssignment = new Map();
        for (const members of steps) {
          const input = inputOf({ topics: sizes, members }, before);
          if (input.members.length === 0) continue;
          const after = uniformAssignor.assign(input);
          expectComplete(input, after);
          expect(isEven(input, after)).toBe(true);
          before = after;
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('property: what does not change moves nothing', () => {
    fc.assert(
      fc.property(topics, subscriptions, (sizes, members) => {
        const first = uniformAssignor.assign(inputOf({ topics: sizes, members }));
        expect(uniformAssignor.assign(inputOf({ topics: sizes, members }, first))).toEqual(first);
      }),
      { numRuns: 500 },
    );
  });

  test('gives a partition to a member in a rack of its replicas, as far as that costs no balance', () => {
    const racks = ['r0', 'r1', 'r2'];
    const members = racks.map((rackId, index) => ({
      memberId: `m${index}`,
      instanceId: null,
      rackId,
      topicIds: new Set([topicId(0)]),
      owned: new Set<PartitionKey>(),
    }));
    const topic = { topicId: topicId(0), partitions: 9, racksOf: (index: number) => new Set([racks[index % 3] ?? '']) };
    const near = uniformAssignor.assign({ members, topics: [topic] });
    for (const [place, { memberId }] of members.entries()) {
      const expected = [0, 3, 6].map((one) => partitionKey(topicId(0), one + place));
      expect([...(near.get(memberId) ?? [])].sort()).toEqual(expected);
    }
    const oneRack = { ...topic, racksOf: () => new Set(['r0']) };
    const even = uniformAssignor.assign({ members, topics: [oneRack] });
    expect([...even.values()].map(({ size }) => size)).toEqual([3, 3, 3]);
  });

  test('property: racks move nothing that need not be moved, whatever members and brokers call theirs', () => {
    const rack = fc.constantFrom(null, '', 'r0', 'r1', '__proto__', 'nowhere', 'r'.repeat(1000));
    const racks = fc.array(rack, { minLength: 9, maxLength: 9 });
    const replicas = fc.array(fc.uniqueArray(fc.constantFrom('', 'r0', 'r1', 'r2', '__proto__'), { maxLength: 3 }), {
      minLength: 1,
      maxLength: 5,
    });
    fc.assert(
      fc.property(topics, presence, racks, replicas, (sizes, steps, memberRacks, partitionRacks) => {
        let before: GroupAssignment = new Map();
        const all = sizes.map((_, index) => index);
        for (const present of steps) {
          const plain = inputOf({ topics: sizes, members: present.map((is) => (is ? all : undefined)) }, before);
          if (plain.members.length === 0) continue;
          const racksOf = (index: number) => new Set(partitionRacks[index % partitionRacks.length]);
          const input: AssignorInput = {
            members: plain.members.map((member) => ({ ...member, rackId: rackOf(member, memberRacks) })),
            topics: plain.topics.map((topic) => ({ ...topic, racksOf })),
          };
          before = assignedEvenly(input, before);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('looks at the racks of each partition once, however many members and racks there are', () => {
    let asked = 0;
    const racksOf = (index: number): ReadonlySet<string> => {
      asked += 1;
      return new Set([`rack-${index % 3000}`]);
    };
    const members = Array.from({ length: 1000 }, (_, index) => ({
      memberId: `m${String(index).padStart(4, '0')}`,
      instanceId: null,
      rackId: `rack-${index}`,
      topicIds: new Set([topicId(0)]),
      owned: new Set<PartitionKey>(),
    }));
    const topic = { topicId: topicId(0), partitions: 10_000, racksOf };
    const first = uniformAssignor.assign({ members, topics: [topic] });
    expect(asked).toBeLessThanOrEqual(10_000);
    expect([...first.values()].every(({ size }) => size === 10)).toBe(true);
    expect(first.get('m0007')).toContain(partitionKey(topicId(0), 3007));
    asked = 0;
    const again = members.map((member) => ({
      ...member,
      owned: first.get(member.memberId) ?? new Set<PartitionKey>(),
    }));
    expect(uniformAssignor.assign({ members: again, topics: [topic] })).toEqual(first);
    expect(asked).toBeLessThanOrEqual(10_000);
  });

  test('moves 100 of 10 000 partitions when one of 100 members leaves', () => {
    const members = Array.from({ length: 100 }, () => [0]);
    const before = uniformAssignor.assign(inputOf({ topics: [10_000], members }));
    const input = inputOf({ topics: [10_000], members: [undefined, ...members.slice(1)] }, before);
    const after = uniformAssignor.assign(input);
    expectComplete(input, after);
    expect(moves(before, after)).toBe(100);
  });
});

function rackOf({ memberId }: AssignableMember, racks: readonly (string | null)[]): string | null {
  return racks[Number(memberId.slice(1))] ?? null;
}

/** Nobody reaches, over partitions that can be passed on, somebody with two less. */
function isEven({ members }: AssignorInput, assignment: GroupAssignment): boolean {
  const size = (memberId: string): number => assignment.get(memberId)?.size ?? 0;
  return members.every((from) => {
    const reached = new Set([from]);
    for (const giver of reached) {
      for (const key of assignment.get(giver.memberId) ?? []) {
        for (const taker of members) if (taker.topicIds.has(topicIdOf(key))) reached.add(taker);
      }
    }
    return [...reached].every((to) => size(to.memberId) > size(from.memberId) - 2);
  });
}

describe('range', () => {
  test('property: each topic is cut into runs of equal length, one for each subscriber', () => {
    fc.assert(
      fc.property(topics, subscriptions, (sizes, members) => {
        const input = inputOf({ topics: sizes, members });
        const assignment = rangeAssignor.assign(input);
        expectComplete(input, assignment);
        for (const topic of input.topics) {
          const runs = input.members
            .filter(({ topicIds }) => topicIds.has(topic.topicId))
            .map(({ memberId }) =>
              [...(assignment.get(memberId) ?? [])]
                .filter((key) => topicIdOf(key) === topic.topicId)
                .map((key) => Number(key.slice(23)))
                .sort((a, b) => a - b),
            );
          expect(runs.flat()).toEqual(Array.from({ length: topic.partitions }, (_, index) => index));
          const lengths = runs.map(({ length }) => length);
          expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('keeps the place of a static member under another member id', () => {
    const member = (memberId: string, instanceId: string): AssignableMember => ({
      memberId,
      instanceId,
      rackId: null,
      topicIds: new Set([topicId(0)]),
      owned: new Set(),
    });
    const topic = { topicId: topicId(0), partitions: 4 };
    const first = rangeAssignor.assign({ members: [member('a', 'one'), member('b', 'two')], topics: [topic] });
    const later = rangeAssignor.assign({ members: [member('b', 'two'), member('z', 'one')], topics: [topic] });
    expect(later.get('z')).toEqual(first.get('a'));
    expect(later.get('b')).toEqual(first.get('b'));
  });
});

test('property: every assignor answers the same question the same', () => {
  fc.assert(
    fc.property(topics, subscriptions, fc.constantFrom(...assignors.values()), (sizes, members, assignor) => {
      const input = inputOf({ topics: sizes, members });
      expect(assignor.assign(input)).toEqual(assignor.assign(structuredClone(input)));
    }),
    { numRuns: 200 },
  );
});

/** Of no topic, beyond the end of one, or no partition at all. */
const foreign = ['gone', 'topic-0'].flatMap((name) =>
  [':0', ':99', ':-1', ':NaN', ''].map((end): PartitionKey => `${name.padEnd(22, 'x')}${end}`),
);

test('property: previous owners of what is not there, or of what others had too, get what they may have and no more', () => {
  const owned = fc.array(
    fc.array(
      fc.oneof(
        fc.constantFrom(...foreign),
        fc.tuple(fc.nat(3), fc.nat(12)).map(([t, p]) => partitionKey(topicId(t), p)),
      ),
    ),
    { minLength: 6, maxLength: 6 },
  );
  fc.assert(
    fc.property(
      topics,
      subscriptions,
      owned,
      fc.constantFrom(...assignors.values()),
      (sizes, members, lists, assignor) => {
        const plain = inputOf({ topics: sizes, members });
        const input = {
          ...plain,
          members: plain.members.map((member, index) => ({ ...member, owned: new Set(lists[index]) })),
        };
        const after = assignor.assign(input);
        expectComplete(input, after);
        if (assignor !== uniformAssignor || new Set(members.map((one) => [...one].sort().join())).size > 1) return;
        const loads = [...after.values()].map(({ size }) => size);
        expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1);
        // What several had is the first one's.
        const claimed = new Set<PartitionKey>();
        const before = new Map(
          input.members.map((member) => {
            const mine = [...member.owned].filter((key) => !claimed.has(key));
            for (const key of mine) claimed.add(key);
            return [member.memberId, new Set(mine)];
          }),
        );
        expect(moves(before, after)).toBe(fewestMoves(input, before));
      },
    ),
    { numRuns: 2000 },
  );
});
