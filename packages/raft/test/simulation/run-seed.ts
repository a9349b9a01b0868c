/**
 * One run: the seed draws a cluster and which faults there are, then
 *
 *     safety      faults and requests at random; the checker judges every event
 *     healing     faults end; there must be a leader, and all replicas must become equal (B8)
 *     deafness    a voter hears nothing and talks; the leader must stay (B8)
 *     isolation   the leader alone is cut off; it must step down, and another must come (B6, B8)
 *     end         all equal again
 */
import { seededRandom } from '@millrace/testkit';
import type { RandomStream } from '@millrace/base';
import type { RaftDefect } from '../../src/core/defects.js';
import { decodeMembership, isVoter } from '../../src/membership.js';
import { isSameReplica } from '../../src/replica.js';
import { require, Violation } from './checker.js';
import { Cluster, electionTimeoutMs } from './cluster.js';
import type { SimulatedReplica } from './simulated-replica.js';

export interface RunOptions {
  readonly seed: number;
  readonly defects?: ReadonlySet<RaftDefect>;
  readonly log?: string[];
}

export interface RunResult {
  readonly events: number;
  readonly committed: number;
  readonly traceHash: number;
  readonly marks: ReadonlyMap<string, number>;
}

const faultNames = ['crash', 'pause', 'partition', 'loss', 'slow', 'members', 'transfer', 'compact', 'wipe'] as const;
type Fault = (typeof faultNames)[number];

/** How long until the cluster must be at work again. */
const healMs = 40 * electionTimeoutMs;

/** Throws a `Violation`, or whatever the core threw. */
export function runSeed({ seed, defects, log }: RunOptions): RunResult {
  const random = seededRandom(seed).stream('workload');
  const voters = [1, 3, 3, 3, 3, 5][random.integer(0, 6)] ?? 3;
  const cluster = new Cluster(
    { seed, voters, observers: random.integer(0, 3), ...(defects === undefined ? {} : { defects }) },
    log,
  );
  const faults = drawFaults(random);
  cluster.trace(() => `voters ${voters} faults ${[...faults].join(' ')}`);
  misbehave(cluster, faults, random);
  cluster.calm();
  mustConverge(cluster, 'after the faults');
  deafVoter(cluster, random);
  mustConverge(cluster, 'after the deaf voter');
  isolatedLeader(cluster);
  mustConverge(cluster, 'at the end');
  return {
    events: cluster.events,
    committed: cluster.checker.committedEnd,
    traceHash: cluster.traceHash,
    marks: cluster.marks,
  };
}

/** In a quarter of the runs none; else each with even chance. */
function drawFaults(random: RandomStream): ReadonlySet<Fault> {
  if (random.integer(0, 4) === 0) return new Set(['members', 'transfer', 'compact']);
  return new Set(faultNames.filter(() => random.integer(0, 2) === 0));
}

function misbehave(cluster: Cluster, faults: ReadonlySet<Fault>, random: RandomStream): void {
  const steps = random.integer(60, 200);
  if (random.integer(0, 3) === 0) cluster.maxSyncMs = 30;
  for (let step = 0; step < steps; step += 1) {
    cluster.runFor(random.fraction() * 25);
    requests(cluster, random);
    if (random.integer(0, 3) !== 0) continue;
    const fault = faultNames[random.integer(0, faultNames.length)];
    if (fault !== undefined && faults.has(fault)) inject(cluster, fault, random);
  }
}

function requests(cluster: Cluster, random: RandomStream): void {
  const leaders = cluster.nodes.filter(({ role }) => role === 'leader');
  const node = leaders[random.integer(0, Math.max(leaders.length, 1))] ?? anyNode(cluster, random);
  for (let count = random.integer(0, 4); count > 0; count -= 1) {
    const records = Array.from({ length: random.integer(1, 4) }, () => random.bytes(random.integer(1, 12)));
    cluster.request(node, { kind: 'propose', records });
  }
  if (random.integer(0, 2) === 0) cluster.request(node, { kind: 'read' });
}

function inject(cluster: Cluster, fault: Fault, random: RandomStream): void {
  const node = anyNode(cluster, random);
  switch (fault) {
    case 'crash':
      if (!node.isUp) cluster.restart(node);
      else if (random.integer(0, 8) === 0) for (const each of cluster.nodes) cluster.crash(each);
      else cluster.crash(random.integer(0, 2) === 0 ? (cluster.leader() ?? node) : node);
      break;
    case 'pause':
      cluster.pause(random.integer(0, 2) === 0 ? (cluster.leader() ?? node) : node, random.fraction());
      break;
    case 'partition':
      partition(cluster, random);
      break;
    case 'loss':
      cluster.lossShare = random.integer(0, 2) * random.fraction() * 0.3;
      cluster.doubleShare = random.integer(0, 2) * random.fraction() * 0.3;
      break;
    case 'slow':
      cluster.slowShare = random.integer(0, 2) * random.fraction() * 0.3;
      cluster.maxDelayMs = random.integer(0, 2) === 0 ? 3 : 40;
      cluster.maxSyncMs = random.integer(0, 2) === 0 ? 2 : 80;
      break;
    case 'members':
      changeMembers(cluster, random);
      break;
    case 'transfer': {
      const leader = cluster.leader();
      if (leader === undefined) break;
      cluster.request(leader, { kind: 'transfer', to: random.integer(0, 2) === 0 ? undefined : node.key.id });
      break;
    }
    case 'compact':
      node.compact(random.integer(0, 2) === 0);
      break;
    case 'wipe':
      if (random.integer(0, 3) === 0 && mayWipe(cluster, node)) cluster.wipe(node);
      break;
  }
}

function partition(cluster: Cluster, random: RandomStream): void {
  const ids = cluster.bootstrapIds;
  const id = anyNode(cluster, random).key.id;
  switch (random.integer(0, 6)) {
    case 0:
    case 1:
      cluster.healNetwork();
      break;
    case 2:
      cluster.isolate(cluster.leader()?.key.id ?? id);
      break;
    case 3: {
      // In halves.
      const sides = ids.map(() => random.integer(0, 2));
      for (const from of ids) for (const to of ids) if (sides[from] !== sides[to]) cluster.cutLink(from, to);
      break;
    }
    case 4:
      // One hears nothing, and is heard.
      for (const from of ids) cluster.cutLink(from, id);
      break;
    case 5:
      // Each direction of each link on its own.
      for (const from of ids) for (const to of ids) if (random.integer(0, 3) === 0) cluster.cutLink(from, to);
      break;
  }
}

function changeMembers(cluster: Cluster, random: RandomStream): void {
  const leaders = cluster.nodes.filter(({ role }) => role === 'leader');
  const leader = leaders[random.integer(0, Math.max(leaders.length, 1))];
  if (leader === undefined) return;
  const { voters } = leader.core.state.members;
  const gone = voters.filter((voter) => cluster.wiped.some(({ key }) => isSameReplica(key, voter)));
  const target = cluster.node(random.integer(0, cluster.nodes.length)).key;
  const victim = gone[0] ?? (random.integer(0, 2) === 0 ? leader.key : target);
  if (gone.length > 0 || (voters.length > 1 && random.integer(0, 2) === 0)) {
    cluster.request(leader, { kind: 'removeVoter', replica: victim });
  } else {
    cluster.request(leader, { kind: 'addVoter', replica: target });
  }
}

/** Whether every membership that may hold somewhere keeps a majority of disks without this one. */
function mayWipe(cluster: Cluster, node: SimulatedReplica): boolean {
  const lost = [...cluster.wiped.map(({ key }) => key), node.key];
  return cluster.nodes.every(({ core, disk }) => {
    const memberships = [core.state.members, disk.start.membership];
    const { log } = core.state;
    for (const entry of [...disk.log.entries(disk.log.start), ...log.entries(log.start)]) {
      const record = entry.records[0];
      if (entry.kind === 'membership' && record !== undefined) memberships.push(decodeMembership(record));
    }
    return memberships.every(({ voters }) => {
      const count = voters.filter((voter) => lost.some((key) => isSameReplica(key, voter))).length;
      return count * 2 < voters.length || voters.length === 0;
    });
  });
}

function mustConverge(cluster: Cluster, when: string): void {
  const hasLeader = cluster.runUntil(() => settledLeader(cluster) !== undefined, healMs);
  require(hasLeader, 'B8', () => `no leader ${when}`);
  const target = cluster.checker.committedEnd + 1;
  const isDone = cluster.runUntil(() => {
    const leader = settledLeader(cluster);
    if (leader === undefined) return false;
    if (leader.core.state.log.end < target) cluster.request(leader, { kind: 'propose', records: [Buffer.from('end')] });
    const { end } = leader.core.state.log;
    return end >= target && cluster.nodes.every(({ applied }) => applied === end);
  }, healMs);
  require(isDone, 'B8', () => {
    const states = cluster.nodes.map(
      ({ key, core, applied, role }) => `${key.id}: ${role} t${core.state.term} ${applied} of ${core.state.log.end}`,
    );
    return `not all replicas are equal ${when}: ${states.join('; ')}`;
  });
}

/** A leader that has committed something of its term, and that no other replica outranks. */
function settledLeader(cluster: Cluster): SimulatedReplica | undefined {
  const leader = cluster.leader();
  if (leader === undefined) return undefined;
  const { role, commit } = leader.core.state;
  return role.kind === 'leader' && commit > role.termStart ? leader : undefined;
}

function deafVoter(cluster: Cluster, random: RandomStream): void {
  const leader = settledLeader(cluster);
  if (leader === undefined) throw new Violation('B8', 'the leader is gone again');
  const { members, term } = leader.core.state;
  const others = cluster.nodes.filter(({ key }) => isVoter(members, key) && key.id !== leader.key.id);
  const deaf = others[random.integer(0, Math.max(others.length, 1))];
  // With two live voters the other one is half of the quorum.
  const live = others.length + 1;
  if (deaf === undefined || live - 1 <= members.voters.length / 2) return;
  for (const from of cluster.bootstrapIds) cluster.cutLink(from, deaf.key.id);
  cluster.runFor(10 * electionTimeoutMs);
  require(leader.role === 'leader' && leader.core.leadership.term === term, 'B8', () =>
    `voter ${deaf.key.id}, which heard nothing, unseated the leader ${leader.key.id} of term ${term}`);
  cluster.healNetwork();
}

function isolatedLeader(cluster: Cluster): void {
  const leader = settledLeader(cluster);
  if (leader === undefined || leader.core.state.members.voters.length === 1) return;
  const { members } = leader.core.state;
  cluster.isolate(leader.key.id);
  const isDown = cluster.runUntil(() => leader.role !== 'leader', 3 * electionTimeoutMs);
  require(isDown, 'B6', () => `leader ${leader.key.id} goes on without a majority`);
  const others = cluster.nodes.filter(({ key }) => isVoter(members, key) && key.id !== leader.key.id).length;
  if (others > members.voters.length / 2) {
    const hasLeader = cluster.runUntil(() => settledLeader(cluster) !== undefined, healMs);
    require(hasLeader, 'B8', () => `nobody took over from ${leader.key.id}`);
  }
  cluster.healNetwork();
}

function anyNode(cluster: Cluster, random: RandomStream): SimulatedReplica {
  return cluster.node(random.integer(0, cluster.nodes.length));
}
