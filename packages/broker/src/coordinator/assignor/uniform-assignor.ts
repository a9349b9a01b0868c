/**
 * Uniform: every member gets as many partitions as the others, give or take one, as far as subscriptions allow, and keeps of
 * what it had as much as that permits. Where racks are known, partitions that need a new owner go to one in a rack of
 * their replicas, as long as that costs no balance.
 *
 * Everybody subscribed to the same topics: a member may keep up to its share. The shares are the total divided, and the
 * ones left over go to members that had more than that: so the fewest partitions move. Else: see `mixed-assignment.ts`.
 */
import type { AssignableMember, AssignableTopic, Assignor, AssignorInput, GroupAssignment } from './assignor.js';
import { assignMixed } from './mixed-assignment.js';
import { comparePartitions, indexOf, type PartitionKey, partitionKey, topicIdOf } from './topic-partition.js';

export const uniformAssignor: Assignor = { name: 'uniform', assign };

function assign(input: AssignorInput): GroupAssignment {
  const [first, ...others] = input.members;
  if (first === undefined) return new Map();
  const isUniform = others.every(({ topicIds }) => isSameSet(topicIds, first.topicIds));
  return isUniform ? assignEqual(input.members, input.topics) : assignMixed(input);
}

interface Share {
  readonly member: AssignableMember;
  readonly kept: Set<PartitionKey>;
  quota: number;
}

function assignEqual(members: readonly AssignableMember[], topics: readonly AssignableTopic[]): GroupAssignment {
  const all = new Set(topics.flatMap((topic) => partitionsOf(topic)));
  const racks = new Racks(topics);
  // What several are said to have had is the first one's.
  const unclaimed = new Set(all);
  const shares = members.map((member): Share => {
    const kept = [...member.owned].filter((key) => unclaimed.delete(key)).sort(racks.nearestFirst(member));
    return { member, kept: new Set(kept), quota: Math.floor(all.size / members.length) };
  });
  setQuotas(shares, all.size % members.length);
  for (const { kept, quota } of shares) for (const key of [...kept].slice(quota)) kept.delete(key);
  const taken = new Set(shares.flatMap(({ kept }) => [...kept]));
  const free = [...all].filter((key) => !taken.has(key)).sort(comparePartitions);
  const left = racks.areKnown ? giveNearest(free, shares, racks) : free;
  giveRest(left, shares);
  return new Map(shares.map(({ member, kept }) => [member.memberId, kept]));
}

/** One more for those who have the most to lose. */
function setQuotas(shares: readonly Share[], oneMore: number): void {
  const byOwned = [...shares].sort((a, b) => b.kept.size - a.kept.size);
  for (const share of byOwned.slice(0, oneMore)) share.quota += 1;
}

function giveNearest(free: readonly PartitionKey[], shares: readonly Share[], racks: Racks): PartitionKey[] {
  const byRack = new Map<string, Share[]>();
  for (const share of shares) {
    const { rackId } = share.member;
    if (rackId === null) continue;
    const there = byRack.get(rackId);
    if (there === undefined) byRack.set(rackId, [share]);
    else there.push(share);
  }
  return free.filter((key) => {
    const near = [...racks.of(key)].flatMap((rack) => byRack.get(rack) ?? []).filter((share) => room(share) > 0);
    const neediest = near.reduce<Share | undefined>(
      (best, next) => (best === undefined || room(next) > room(best) ? next : best),
      undefined,
    );
    neediest?.kept.add(key);
    return neediest === undefined;
  });
}

/** Round and round, so that neighbours go to different members. */
function giveRest(free: readonly PartitionKey[], shares: readonly Share[]): void {
  let open = shares.filter((share) => room(share) > 0);
  let place = 0;
  for (const key of free) {
    if (place >= open.length) {
      open = open.filter((share) => room(share) > 0);
      place = 0;
    }
    open[place]?.kept.add(key);
    place += 1;
  }
}

function room({ kept, quota }: Share): number {
  return quota - kept.size;
}

export function partitionsOf({ topicId, partitions }: AssignableTopic): PartitionKey[] {
  return Array.from({ length: partitions }, (_, index) => partitionKey(topicId, index));
}

const nowhere: ReadonlySet<string> = new Set();

/** Which members are near a partition. Without racks nobody is. */
class Racks {
  readonly areKnown: boolean;
  readonly #topics: ReadonlyMap<string, AssignableTopic>;
  readonly #found = new Map<PartitionKey, ReadonlySet<string>>();

  constructor(topics: readonly AssignableTopic[]) {
    this.#topics = new Map(topics.map((topic) => [topic.topicId, topic]));
    this.areKnown = topics.some(({ racksOf }) => racksOf !== undefined);
  }

  isNear({ rackId }: AssignableMember, key: PartitionKey): boolean {
    if (rackId === null) return false;
    return this.of(key).has(rackId);
  }

  of(key: PartitionKey): ReadonlySet<string> {
    let racks = this.#found.get(key);
    if (racks === undefined) {
      racks = this.#topics.get(topicIdOf(key))?.racksOf?.(indexOf(key)) ?? nowhere;
      this.#found.set(key, racks);
    }
    return racks;
  }

  /** The order in which a member keeps what it has. */
  nearestFirst(member: AssignableMember): (a: PartitionKey, b: PartitionKey) => number {
    if (!this.areKnown) return comparePartitions;
    return (a, b) => Number(this.isNear(member, b)) - Number(this.isNear(member, a)) || comparePartitions(a, b);
  }
}

function isSameSet(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  if (a.size !== b.size) return false;
  for (const item of a) if (!b.has(item)) return false;
  return true;
}
