/**
 * The uniform assignment of a group whose members subscribe to different topics.
 *
 * Members keep what they had; partitions without an owner go to the subscriber with the least. Then, as long as it
 * makes the loads more equal by moving one partition from a member to another, directly or through others in between, it
 * is done, along a shortest such chain: when no chain is left, no assignment is more even.
 *
 *     a (5) --> b (3) --> c (2)        a gives one to b, b one to c: a (4), b (3), c (3)
 */
import { assert } from '@millrace/base';
import type { AssignableMember, AssignorInput, GroupAssignment } from './assignor.js';
import { comparePartitions, type PartitionKey, partitionKey, topicIdOf } from './topic-partition.js';

interface Load {
  readonly member: AssignableMember;
  /** By topic; no empty sets. */
  readonly held: Map<string, Set<PartitionKey>>;
  size: number;
}

export function assignMixed({ members, topics }: AssignorInput): GroupAssignment {
  const loads = members.map((member): Load => ({ member, held: new Map(), size: 0 }));
  const subscribers = new Map(
    topics.map(({ topicId }) => [topicId, loads.filter(({ member }) => member.topicIds.has(topicId))]),
  );
  const free = new Set<PartitionKey>();
  for (const { topicId, partitions } of topics) {
    if ((subscribers.get(topicId)?.length ?? 0) === 0) continue;
    for (let index = 0; index < partitions; index += 1) free.add(partitionKey(topicId, index));
  }
  for (const load of loads) {
    for (const key of [...load.member.owned].sort(comparePartitions)) {
      if (load.member.topicIds.has(topicIdOf(key)) && free.delete(key)) give(load, key);
    }
  }
  giveFree(free, subscribers);
  while (evenOut(loads, subscribers));
  return new Map(
    loads.map(({ member, held }) => [member.memberId, new Set([...held.values()].flatMap((s) => [...s]))]),
  );
}

/** Those that few may have come first. */
function giveFree(free: ReadonlySet<PartitionKey>, subscribers: ReadonlyMap<string, readonly Load[]>): void {
  const choices = (key: PartitionKey): number => subscribers.get(topicIdOf(key))?.length ?? 0;
  const inOrder = [...free].sort((a, b) => choices(a) - choices(b) || comparePartitions(a, b));
  for (const key of inOrder) {
    const [first, ...others] = subscribers.get(topicIdOf(key)) ?? [];
    assert(first !== undefined, 'a partition to be given has a subscriber');
    give(
      others.reduce((least, next) => (next.size < least.size ? next : least), first),
      key,
    );
  }
}

/** Moves one partition's worth from somebody who has two more than another can be reached. False: nobody has. */
function evenOut(loads: readonly Load[], subscribers: ReadonlyMap<string, readonly Load[]>): boolean {
  const least = Math.min(...loads.map(({ size }) => size));
  const richest = [...loads].sort((a, b) => b.size - a.size);
  for (const from of richest) {
    if (from.size < least + 2) return false;
    const chain = chainFrom(from, subscribers);
    if (chain === undefined) continue;
    for (const { giver, taker, topicId } of chain) take(giver, taker, topicId);
    return true;
  }
  return false;
}

interface Step {
  readonly giver: Load;
  readonly taker: Load;
  readonly topicId: string;
}

/** Breadth first over "has a partition that the other may have", to the nearest that has two less. */
function chainFrom(from: Load, subscribers: ReadonlyMap<string, readonly Load[]>): Step[] | undefined {
  const reachedBy = new Map<Load, Step | undefined>([[from, undefined]]);
  const spread = new Set<string>();
  for (const giver of reachedBy.keys()) {
    for (const topicId of [...giver.held.keys()].sort()) {
      // Whoever may have partitions of this topic has been reached already.
      if (spread.has(topicId)) continue;
      spread.add(topicId);
      for (const taker of subscribers.get(topicId) ?? []) {
        if (reachedBy.has(taker)) continue;
        reachedBy.set(taker, { giver, taker, topicId });
        if (taker.size <= from.size - 2) return chainTo(taker, reachedBy);
      }
    }
  }
  return undefined;
}

function chainTo(end: Load, reachedBy: ReadonlyMap<Load, Step | undefined>): Step[] {
  const steps: Step[] = [];
  for (let step = reachedBy.get(end); step !== undefined; step = reachedBy.get(step.giver)) steps.unshift(step);
  return steps;
}

function give(load: Load, key: PartitionKey): void {
  const topicId = topicIdOf(key);
  const held = load.held.get(topicId);
  if (held === undefined) load.held.set(topicId, new Set([key]));
  else held.add(key);
  load.size += 1;
}

/** What the giver never had before goes first, and what the taker had before. */
function take(giver: Load, taker: Load, topicId: string): void {
  const held = giver.held.get(topicId);
  assert(held !== undefined, 'a giver holds a partition of the topic');
  const rank = (key: PartitionKey): number =>
    Number(giver.member.owned.has(key)) * 2 - Number(taker.member.owned.has(key));
  const [key] = [...held].sort((a, b) => rank(a) - rank(b) || comparePartitions(a, b));
  assert(key !== undefined, 'a held topic has partitions');
  held.delete(key);
  if (held.size === 0) giver.held.delete(topicId);
  giver.size -= 1;
  give(taker, key);
}
