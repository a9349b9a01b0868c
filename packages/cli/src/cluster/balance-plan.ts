/**
 * Where the replicas of one topic would go for nodes to hold equal shares of it, with few moves:
 *
 *  1. off nodes that are gone;
 *  2. copies of one partition on different racks, then on different hosts, as far as there are some;
 *  3. as many copies on each node as on any other, give or take one;
 *  4. as many preferred leaderships.
 *
 * A plan is only a list of wishes: the controller decides about each.
 */
import type { NodeDescription, PartitionDescription } from '@millrace/admin';

export interface ReplicaMove {
  readonly partition: number;
  readonly before: readonly number[];
  /** Preferred leader first. */
  readonly replicas: readonly number[];
}

type Nodes = readonly Pick<NodeDescription, 'nodeId' | 'roles' | 'rack' | 'host' | 'state'>[];
type Partitions = readonly Pick<PartitionDescription, 'partition' | 'replicas'>[];

interface Placed {
  readonly partition: number;
  readonly before: readonly number[];
  readonly replicas: number[];
}

export function balancePlan(nodes: Nodes, partitions: Partitions): ReplicaMove[] {
  const usable = nodes.filter(({ roles, state }) => roles.includes('broker') && state === 'active');
  const plan = new Plan(usable, partitions);
  plan.evacuate();
  plan.spread();
  plan.levelReplicas();
  plan.levelLeaders();
  return plan.moves();
}

class Plan {
  readonly #nodes: ReadonlyMap<number, Nodes[number]>;
  readonly #placed: readonly Placed[];
  /** Copies on each usable node. */
  readonly #load: Map<number, number>;

  constructor(usable: Nodes, partitions: Partitions) {
    this.#nodes = new Map(usable.map((node) => [node.nodeId, node]));
    this.#load = new Map(usable.map(({ nodeId }) => [nodeId, 0]));
    this.#placed = partitions.map(({ partition, replicas }) => ({
      partition,
      before: replicas,
      replicas: [...replicas],
    }));
    for (const { replicas } of this.#placed) for (const nodeId of replicas) this.#count(nodeId, 1);
  }

  moves(): ReplicaMove[] {
    return this.#placed.filter(({ before, replicas }) => before.some((nodeId, index) => nodeId !== replicas[index]));
  }

  evacuate(): void {
    for (const placed of this.#placed)
      for (const [index, nodeId] of placed.replicas.entries()) {
        if (this.#nodes.has(nodeId)) continue;
        const target = this.#targets(placed, index)[0];
        if (target !== undefined) this.#replace(placed, index, target);
      }
  }

  /** A copy moves where that leaves fewer of the partition's copies sharing a rack or a host. */
  spread(): void {
    for (const placed of this.#placed)
      for (const [index, nodeId] of placed.replicas.entries()) {
        const target = this.#targets(placed, index)[0];
        if (target !== undefined && this.#sharing(placed, index, target) < this.#sharing(placed, index, nodeId))
          this.#replace(placed, index, target);
      }
  }

  levelReplicas(): void {
    // Each step takes a copy from a fuller node to one with at least two less: the sum of squares falls, so it ends.
    while (this.#levelOne());
  }

  levelLeaders(): void {
    const led = new Map([...this.#nodes.keys()].map((nodeId) => [nodeId, 0]));
    const count = (nodeId: number | undefined, by: number): void => {
      if (nodeId !== undefined) led.set(nodeId, (led.get(nodeId) ?? 0) + by);
    };
    for (const { replicas } of this.#placed) count(replicas[0], 1);
    for (const { replicas } of this.#placed) {
      const [first] = replicas;
      const best = [...replicas].sort((a, b) => (led.get(a) ?? 0) - (led.get(b) ?? 0))[0];
      if (first === undefined || best === undefined || (led.get(first) ?? 0) - (led.get(best) ?? 0) < 2) continue;
      replicas.splice(replicas.indexOf(best), 1);
      replicas.unshift(best);
      count(first, -1);
      count(best, 1);
    }
  }

  #levelOne(): boolean {
    const fullestFirst = [...this.#load].sort((a, b) => b[1] - a[1]);
    for (const [nodeId, copies] of fullestFirst)
      for (const placed of this.#placed) {
        const index = placed.replicas.indexOf(nodeId);
        if (index === -1) continue;
        const target = this.#targets(placed, index).find(
          (candidate) =>
            copies - (this.#load.get(candidate) ?? 0) >= 2 &&
            this.#sharing(placed, index, candidate) <= this.#sharing(placed, index, nodeId),
        );
        if (target === undefined) continue;
        this.#replace(placed, index, target);
        return true;
      }
    return false;
  }

  /** Usable nodes without a copy of the partition, the best for the copy at `index` first. */
  #targets(placed: Placed, index: number): number[] {
    const rank = (nodeId: number): number => this.#sharing(placed, index, nodeId);
    return [...this.#nodes.keys()]
      .filter((nodeId) => !placed.replicas.includes(nodeId))
      .sort((a, b) => rank(a) - rank(b) || (this.#load.get(a) ?? 0) - (this.#load.get(b) ?? 0) || a - b);
  }

  /** How badly a copy on `nodeId` would share a rack (counted first) or a host with the partition's other copies. */
  #sharing({ replicas }: Placed, index: number, nodeId: number): number {
    const node = this.#nodes.get(nodeId);
    let sharing = 0;
    for (const [other, otherId] of replicas.entries()) {
      const neighbour = this.#nodes.get(otherId);
      if (other === index || node === undefined || neighbour === undefined) continue;
      if (node.rack !== null && node.rack === neighbour.rack) sharing += 1000;
      if (node.host !== null && node.host === neighbour.host) sharing += 1;
    }
    return sharing;
  }

  #replace(placed: Placed, index: number, nodeId: number): void {
    this.#count(placed.replicas[index], -1);
    this.#count(nodeId, 1);
    placed.replicas[index] = nodeId;
  }

  #count(nodeId: number | undefined, by: number): void {
    const copies = nodeId === undefined ? undefined : this.#load.get(nodeId);
    if (nodeId !== undefined && copies !== undefined) this.#load.set(nodeId, copies + by);
  }
}
