/**
 * Which brokers hold the copies of new partitions.
 *
 * A broker that is not active holds a copy only where there are too few others: it may never come back, and a partition
 * of which no copy is on an active one would begin without a leader, with nobody in sync who could ever become one.
 * Copies of one partition go to different racks as long as there are racks left, then to different hosts, and among
 * equals to the broker that holds least. The preferred leader is the chosen broker that is first of fewest partitions.
 * No randomness: the same cluster gives the same placement, and many topics of one partition still spread, because what
 * is there already counts.
 */
import { assert } from '@millrace/base';

export interface PlacementBroker {
  readonly nodeId: number;
  readonly rack: string | null;
  readonly hostLabel: string | null;
  readonly isActive: boolean;
}

/** How much each broker holds; a broker that is not named holds nothing. */
export interface PlacementLoad {
  readonly replicas: ReadonlyMap<number, number>;
  /** Partitions of which it is the preferred leader. */
  readonly leaders: ReadonlyMap<number, number>;
}

export interface PlacementRequest {
  /** At least `replicationFactor` of them. */
  readonly brokers: readonly PlacementBroker[];
  readonly load: PlacementLoad;
  readonly partitions: number;
  readonly replicationFactor: number;
}

interface Candidate {
  readonly nodeId: number;
  readonly rack: string | null;
  /** A broker without a label is a host of its own. */
  readonly host: string;
  readonly isActive: boolean;
  replicas: number;
  leaders: number;
}

/** One list of node ids per partition, the preferred leader first. */
export function placeReplicas({ brokers, load, partitions, replicationFactor }: PlacementRequest): number[][] {
  assert(brokers.length >= replicationFactor, `${replicationFactor} replicas are placed on ${brokers.length} brokers`);
  const candidates = brokers.map((broker) => ({
    nodeId: broker.nodeId,
    rack: broker.rack,
    host: broker.hostLabel ?? `node ${broker.nodeId}`,
    isActive: broker.isActive,
    replicas: load.replicas.get(broker.nodeId) ?? 0,
    leaders: load.leaders.get(broker.nodeId) ?? 0,
  }));
  return Array.from({ length: partitions }, () => placeOne(candidates, replicationFactor));
}

function placeOne(candidates: readonly Candidate[], replicationFactor: number): number[] {
  const chosen: Candidate[] = [];
  const taken = { count: 0, racks: new Map<string | null, number>(), hosts: new Map<string, number>() };
  while (chosen.length < replicationFactor) {
    let best: Candidate | undefined;
    for (const candidate of candidates) {
      if (chosen.includes(candidate)) continue;
      if (best === undefined || isBetter(candidate, best, taken)) best = candidate;
    }
    assert(best !== undefined, 'there is a broker left to choose');
    chosen.push(best);
    taken.count += 1;
    taken.racks.set(best.rack, (taken.racks.get(best.rack) ?? 0) + 1);
    taken.hosts.set(best.host, (taken.hosts.get(best.host) ?? 0) + 1);
  }
  for (const candidate of chosen) candidate.replicas += 1;
  const leader = chosen.reduce((best, candidate) => (candidate.leaders < best.leaders ? candidate : best));
  leader.leaders += 1;
  return [leader, ...chosen.filter((candidate) => candidate !== leader)].map(({ nodeId }) => nodeId);
}

/** What the replicas of one partition that are chosen already take up. */
interface Taken {
  readonly count: number;
  readonly racks: ReadonlyMap<string | null, number>;
  readonly hosts: ReadonlyMap<string, number>;
}

/**
 * Active, then fewest copies in its rack, then on its host, then fewest in all. Among equals the first one chosen is the one
 * with fewest leaderships, for it will probably lead, and the others are the ones with most, for they will not: were they
 * paired by their number alone, those that led before would meet, and one of them would have to lead again.
 */
function isBetter(a: Candidate, b: Candidate, taken: Taken): boolean {
  const difference =
    Number(b.isActive) - Number(a.isActive) ||
    (taken.racks.get(a.rack) ?? 0) - (taken.racks.get(b.rack) ?? 0) ||
    (taken.hosts.get(a.host) ?? 0) - (taken.hosts.get(b.host) ?? 0) ||
    a.replicas - b.replicas ||
    (taken.count === 0 ? a.leaders - b.leaders : b.leaders - a.leaders) ||
    a.nodeId - b.nodeId;
  return difference < 0;
}
