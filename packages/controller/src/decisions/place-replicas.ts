/**
 * Which brokers hold the copies of new partitions.
 *
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
    replicas: load.replicas.get(broker.nodeId) ?? 0,
    leaders: load.leaders.get(broker.nodeId) ?? 0,
  }));
  return Array.from({ length: partitions }, () => placeOne(candidates, replicationFactor));
}

function placeOne(candidates: readonly Candidate[], replicationFactor: number): number[] {
  const chosen: Candidate[] = [];
  const racks = new Map<string | null, number>();
  const hosts = new Map<string, number>();
  while (chosen.length < replicationFactor) {
    let best: Candidate | undefined;
    for (const candidate of candidates) {
      if (!chosen.includes(candidate) && (best === undefined || isBetter(candidate, best, racks, hosts)))
        best = candidate;
    }
    assert(best !== undefined, 'there is a broker left to choose');
    chosen.push(best);
    racks.set(best.rack, (racks.get(best.rack) ?? 0) + 1);
    hosts.set(best.host, (hosts.get(best.host) ?? 0) + 1);
  }
  for (const candidate of chosen) candidate.replicas += 1;
  const leader = chosen.reduce((best, candidate) => (candidate.leaders < best.leaders ? candidate : best));
  leader.leaders += 1;
  return [leader, ...chosen.filter((candidate) => candidate !== leader)].map(({ nodeId }) => nodeId);
}

/** Fewest copies in its rack, then on its host, then fewest in all, then fewest leaders, then the lowest id. */
function isBetter(
  a: Candidate,
  b: Candidate,
  racks: ReadonlyMap<string | null, number>,
  hosts: ReadonlyMap<string, number>,
): boolean {
  const difference =
    (racks.get(a.rack) ?? 0) - (racks.get(b.rack) ?? 0) ||
    (hosts.get(a.host) ?? 0) - (hosts.get(b.host) ?? 0) ||
    a.replicas - b.replicas ||
    a.leaders - b.leaders ||
    a.nodeId - b.nodeId;
  return difference < 0;
}
