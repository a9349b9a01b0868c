/**
 * Where partitions would go for the cluster to be balanced, with as few moves as it takes:
 *
 *  1. off brokers that are gone, or are to go;
 *  2. copies of one partition on different racks, then on different hosts, as far as there are some;
 *  3. as many copies on each broker as on any other, give or take one;
 *  4. as many preferred leaderships.
 *
 * A plan is only a list of wishes: each is carried out as a reassignment.
 */
import { assert } from '@millrace/base';
import type { BrokerImage, MetadataImage } from '../image/metadata-image.js';
import { usableBrokers } from './new-partitions.js';

export interface BalancePlanOptions {
  /** Left out: all. */
  readonly topics?: readonly string[];
  /** Brokers that are to hold nothing: a node that is about to be taken away. */
  readonly without?: readonly number[];
  /** Partitions to move at most. */
  readonly limit?: number;
}

export interface BalancedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly before: readonly number[];
  /** Preferred leader first. */
  readonly replicas: readonly number[];
}

interface Placed {
  readonly topic: string;
  readonly partition: number;
  readonly before: readonly number[];
  replicas: number[];
}

const defaultLimit = 1000;

export function balancePlan(image: MetadataImage, options: BalancePlanOptions): readonly BalancedPartition[] {
  const without = options.without ?? [];
  const brokers = usableBrokers(image).filter(({ nodeId }) => !without.includes(nodeId));
  const placed: Placed[] = image.topicsByName().flatMap((topic) =>
    options.topics?.includes(topic.name) === false
      ? []
      : topic.partitions.map(({ partition, replicas, removing }) => {
          const before = replicas.filter((replica) => !removing.includes(replica));
          return { topic: topic.name, partition, before, replicas: [...before] };
        }),
  );
  const plan = new Plan(brokers, placed);
  for (const one of placed) plan.evacuate(one);
  for (const one of placed) plan.spread(one);
  plan.levelReplicas();
  plan.levelLeaders();
  return placed
    .filter(({ before, replicas }) => before.some((replica, index) => replica !== replicas[index]))
    .slice(0, options.limit ?? defaultLimit);
}

class Plan {
  readonly #brokers: ReadonlyMap<number, BrokerImage>;
  readonly #placed: readonly Placed[];
  readonly #load = new Map<number, number>();

  constructor(brokers: readonly BrokerImage[], placed: readonly Placed[]) {
    this.#brokers = new Map(brokers.map((broker) => [broker.nodeId, broker]));
    this.#placed = placed;
    for (const { nodeId } of brokers) this.#load.set(nodeId, 0);
    for (const { replicas } of placed) for (const replica of replicas) this.#count(replica, 1);
  }

  /** Replaces replicas on brokers that are not to be used. Stays as it is where there are no others. */
  evacuate(one: Placed): void {
    for (const replica of [...one.replicas]) {
      if (this.#brokers.has(replica)) continue;
      const best = this.#bestFor(one, replica);
      if (best !== undefined) this.#replace(one, replica, best);
    }
  }

  /** Moves the copies that share a rack or a host while another one has none. */
  spread(one: Placed): void {
    for (const replica of [...one.replicas]) {
      const best = this.#bestFor(one, replica);
      if (best !== undefined && this.#crowding(one, replica, best) < this.#crowding(one, replica, replica)) {
        this.#replace(one, replica, best);
      }
    }
  }

  /** From the fullest broker to the emptiest, where that makes no partition more crowded. */
  levelReplicas(): void {
    for (const one of this.#placed) {
      for (const replica of [...one.replicas]) {
        const best = this.#bestFor(one, replica);
        if (best === undefined || this.#crowding(one, replica, best) > this.#crowding(one, replica, replica)) continue;
        if (this.#loadOf(replica) - this.#loadOf(best) > 1) this.#replace(one, replica, best);
      }
    }
  }

  /** Changes the order of replicas only: no data moves for it. */
  levelLeaders(): void {
    const leads = new Map<number, number>();
    const count = (nodeId: number | undefined, by: number): void => {
      if (nodeId !== undefined) leads.set(nodeId, (leads.get(nodeId) ?? 0) + by);
    };
    for (const { replicas } of this.#placed) count(replicas[0], 1);
    for (const one of this.#placed) {
      const leader = one.replicas[0];
      const least = one.replicas.reduce((best, replica) =>
        (leads.get(replica) ?? 0) < (leads.get(best) ?? 0) ? replica : best,
      );
      if (leader === undefined || (leads.get(leader) ?? 0) - (leads.get(least) ?? 0) < 2) continue;
      one.replicas = [least, ...one.replicas.filter((replica) => replica !== least)];
      count(leader, -1);
      count(least, 1);
    }
  }

  /** The broker that would best hold the copy that `replica` holds, of those that hold none. */
  #bestFor(one: Placed, replica: number): number | undefined {
    let best: number | undefined;
    for (const candidate of this.#brokers.keys()) {
      if (one.replicas.includes(candidate)) continue;
      if (best === undefined || this.#isBetter(one, replica, [candidate, best])) best = candidate;
    }
    return best;
  }

  #isBetter(one: Placed, replica: number, [a, b]: readonly [number, number]): boolean {
    const crowding = this.#crowding(one, replica, a) - this.#crowding(one, replica, b);
    return (crowding || this.#loadOf(a) - this.#loadOf(b) || a - b) < 0;
  }

  /** How many other copies share rack and host when the copy of `replica` is on `nodeId`; a rack counts far more. */
  #crowding(one: Placed, replica: number, nodeId: number): number {
    const place = this.#brokers.get(nodeId);
    let crowding = 0;
    for (const other of one.replicas) {
      const neighbour = this.#brokers.get(other);
      if (other === replica || neighbour === undefined || place === undefined) continue;
      if (neighbour.rack === place.rack) crowding += 100;
      if (neighbour.hostLabel !== null && neighbour.hostLabel === place.hostLabel) crowding += 1;
    }
    return crowding;
  }

  #replace(one: Placed, from: number, to: number): void {
    assert(!one.replicas.includes(to), `node ${to} holds ${one.topic}-${one.partition} already`);
    one.replicas = one.replicas.map((replica) => (replica === from ? to : replica));
    this.#count(from, -1);
    this.#count(to, 1);
  }

  #loadOf(nodeId: number): number {
    return this.#load.get(nodeId) ?? 0;
  }

  #count(nodeId: number, by: number): void {
    this.#load.set(nodeId, this.#loadOf(nodeId) + by);
  }
}
