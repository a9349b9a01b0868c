/**
 * Looks at all replicas on all running nodes every few milliseconds of virtual time (less often once all is healed), and at what the newest metadata
 * says of them (A4 to A11, B6). It keeps one ghost variable, which no node has: the true high watermark of a partition,
 * the highest that any leader of it ever had.
 *
 * It compares states of one moment only where both sides are known to be of it: a leader that knows a newer partition
 * epoch than any image seen here is left for the next look.
 */
import type { LeadershipState, ReplicaState } from '@millrace/broker';
import type { PartitionImage } from '@millrace/controller/image';
import type { Simulation } from '@millrace/testkit';
import type { ClusterNode, SimulatedCluster } from '../cluster/simulated-cluster.js';
import type { Plan } from '../plan/plan.js';
import { expectationsOf } from './expectation.js';
import { violation, type Violation } from './violation.js';

export interface ReplicaWatchOptions {
  readonly simulation: Simulation;
  readonly plan: Plan;
  readonly cluster: SimulatedCluster;
  /** Where it puts what it finds. */
  readonly violations: Violation[];
}

/** A replica that runs, and where. */
interface Seen {
  readonly node: ClusterNode;
  readonly life: number;
  readonly replica: ReplicaState;
}

interface Leading extends Seen {
  readonly leadership: LeadershipState;
}

interface Group {
  readonly label: string;
  readonly topic: string;
  readonly seen: Seen[];
}

/** While things go wrong. */
const everyMs = 5;
/** Once all is healed: what is broken by then stays so for longer. */
const everyMsHealed = 20;

export class ReplicaWatch {
  readonly #options: ReplicaWatchOptions;
  readonly #trueHighWatermarks = new Map<string, number>();
  /** Leaders as they were at the look before, by partition and node. */
  readonly #before = new Map<string, Leading>();
  readonly #told = new Set<string>();
  /** Topics of which nothing may be lost. */
  readonly #durable: ReadonlySet<string>;
  #isOn = false;
  #everyMs = everyMs;

  constructor(options: ReplicaWatchOptions) {
    this.#options = options;
    const { plan } = options;
    this.#durable = new Set(
      [...expectationsOf(plan).values()]
        .filter(({ topic, isDurable }) => isDurable || (topic.role === 'churned' && isSynced(topic.configs)))
        .map(({ topic }) => topic.name),
    );
  }

  /** From now on it looks less often. */
  healed(): void {
    this.#everyMs = everyMsHealed;
  }

  start(): void {
    this.#isOn = true;
    this.#lookLater();
  }

  stop(): void {
    this.#isOn = false;
  }

  #lookLater(): void {
    this.#options.simulation.after(this.#everyMs, () => {
      if (!this.#isOn) return;
      this.#look();
      this.#lookLater();
    });
  }

  #look(): void {
    const { cluster } = this.#options;
    const groups = new Map<string, Group>();
    for (const node of cluster.nodes) {
      for (const replica of node.running?.replicas() ?? []) {
        const key = `${replica.topicId} ${replica.partition}`;
        let group = groups.get(key);
        if (group === undefined) {
          group = { label: `${replica.topic}-${replica.partition}`, topic: replica.topic, seen: [] };
          groups.set(key, group);
        }
        group.seen.push({ node, life: node.life, replica });
      }
    }
    for (const [key, group] of groups) this.#lookAt(key, group);
    this.#lookAtControllers();
  }

  #lookAt(key: string, group: Group): void {
    const leaders = group.seen.flatMap((seen) => {
      const { leadership, isOffline } = seen.replica;
      return leadership === undefined || isOffline ? [] : [{ ...seen, leadership }];
    });
    for (const seen of group.seen) {
      const { isOffline, role, highWatermark, logStartOffset, endOffset } = seen.replica;
      // A follower that begins anew is empty for as long as its disk takes.
      const isBeginning = role !== 'leader' && logStartOffset === endOffset;
      if (!isOffline && !isBeginning && highWatermark > endOffset)
        this.#tell('A4', group, 'the high watermark is past the log', [seen]);
    }
    for (const leader of leaders) this.#lookAtLeader(key, group, leader);
    this.#oneLeader(group, leaders);
    const [topicId = '', index = ''] = key.split(' ');
    const image = this.#options.cluster.image.topicById(topicId)?.partitions[Number(index)];
    if (image === undefined) return;
    const isOld = leaders.some(({ leadership }) => leadership.partitionEpoch > image.partitionEpoch);
    if (isOld) return;
    if (this.#durable.has(group.topic)) this.#complete(key, group, image);
    for (const leader of leaders) this.#quorum(group, leader, image);
  }

  #lookAtLeader(key: string, group: Group, leader: Leading): void {
    const { replica, leadership, life, node } = leader;
    const { highWatermark, logStartOffset, syncedEndOffset, endOffset, leaderEpoch } = replica;
    const ownEnd = this.#isFsync(group.topic) ? syncedEndOffset : endOffset;
    if (highWatermark > ownEnd || logStartOffset > highWatermark) {
      this.#tell('A4', group, `the leader's log does not hold its high watermark`, [leader]);
    }
    const place = `${key} ${node.name}`;
    const before = this.#before.get(place);
    this.#before.set(place, leader);
    if (before?.life === life && before.replica.leaderEpoch === leaderEpoch) {
      if (highWatermark < before.replica.highWatermark) {
        this.#tell('A5', group, 'the high watermark fell within a leader epoch', [before, leader]);
      }
      const minimum = this.#options.cluster.image.topicById(replica.topicId)?.partitions[replica.partition];
      const isSame =
        before.leadership.partitionEpoch === leadership.partitionEpoch &&
        minimum?.partitionEpoch === leadership.partitionEpoch;
      if (isSame && highWatermark > before.replica.highWatermark && leadership.isr.length < minimum.minInsyncReplicas) {
        const text = `the high watermark moved with ${leadership.isr.length} in sync, and ${minimum.minInsyncReplicas} asked for`;
        this.#tell('A11', group, text, [before, leader]);
      }
    }
    this.#trueHighWatermarks.set(key, Math.max(this.#trueHighWatermarks.get(key) ?? 0, highWatermark));
  }

  #oneLeader(group: Group, leaders: readonly Leading[]): void {
    const epochs = new Set(leaders.map(({ replica }) => replica.leaderEpoch));
    if (epochs.size < leaders.length) this.#tell('A7', group, 'two nodes lead in one leader epoch', leaders);
  }

  /** A8, A9: whoever leads or may be elected has all that was committed, ever. */
  #complete(key: string, group: Group, image: PartitionImage): void {
    const committed = this.#trueHighWatermarks.get(key) ?? 0;
    for (const each of group.seen) {
      const { nodeId, replica } = { nodeId: each.node.index + 1, replica: each.replica };
      if (replica.isOffline || replica.role === 'none' || replica.endOffset >= committed) continue;
      if (replica.role === 'leader' && nodeId === image.leader && replica.leaderEpoch === image.leaderEpoch) {
        this.#tell('A8', group, `the leader lacks records below ${committed}, which were committed`, [each], image);
      } else if (image.isr.includes(nodeId) || image.elr.includes(nodeId)) {
        const text = `a replica that may be elected lacks records below ${committed}, which were committed`;
        this.#tell('A9', group, text, [each], image);
      }
    }
  }

  /** A10: a leader that can commit asks everybody who may be elected. A4: what it committed, they have. */
  #quorum(group: Group, leader: Leading, image: PartitionImage): void {
    const { replica, leadership, node } = leader;
    if (replica.leaderEpoch !== image.leaderEpoch || node.index + 1 !== image.leader) return;
    const isEnough = leadership.isr.length >= image.minInsyncReplicas;
    const asked = leadership.maximalIsr;
    const forgotten = [...image.isr, ...image.elr].filter((id) => !asked.includes(id));
    if (isEnough && forgotten.length > 0) {
      this.#tell('A10', group, `the leader commits without asking ${forgotten.join()}`, [leader], image);
    }
    if (!this.#isFsync(group.topic)) return;
    for (const member of group.seen) {
      const id = member.node.index + 1;
      // One that has come back without what it had is in no set of the newest metadata.
      const isAsked = member.replica.role === 'follower' && asked.includes(id) && image.isr.includes(id);
      if (!isAsked || member.replica.isOffline || member.replica.leaderEpoch !== replica.leaderEpoch) continue;
      if (member.replica.syncedEndOffset >= replica.highWatermark) continue;
      this.#tell('A4', group, 'a follower in sync has not synced what is committed', [leader, member], image);
    }
  }

  #lookAtControllers(): void {
    const { simulation, cluster, plan } = this.#options;
    const timeoutMs = Number(plan.config.nodeSettings['controller.quorum.election.timeout.ms'] ?? 1000);
    const leading = cluster.nodes.filter(({ leadsQuorumSinceMs, isPaused }) => {
      return leadsQuorumSinceMs !== undefined && !isPaused;
    });
    if (leading.length < 2) return;
    const sinceMs = Math.max(
      ...leading.map(({ leadsQuorumSinceMs, resumedMs }) => Math.max(leadsQuorumSinceMs ?? 0, resumedMs)),
    );
    const forMs = simulation.nowMs - sinceMs;
    if (forMs < 3 * timeoutMs + 1000) return;
    const text = `${leading.map(({ name }) => name).join(' and ')} both lead the controller quorum for ${forMs.toFixed(0)} ms`;
    this.#tellOnce('B6', 'controllers', text, []);
  }

  #isFsync(topic: string): boolean {
    const configs = this.#options.plan.config.topics.find(({ name }) => name === topic)?.configs;
    return configs !== undefined && isSynced(configs);
  }

  #tell(invariant: string, group: Group, text: string, seen: readonly Seen[], image?: PartitionImage): void {
    const evidence = seen.map(({ node, replica }) => `${node.name}: ${JSON.stringify(replica)}`);
    if (image !== undefined) evidence.push(`metadata: ${JSON.stringify(image)}`);
    this.#tellOnce(invariant, group.label, `${group.label}: ${text}`, evidence);
  }

  #tellOnce(invariant: string, about: string, text: string, evidence: readonly string[]): void {
    const { simulation, violations } = this.#options;
    const key = `${invariant} ${about}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    violations.push(violation(invariant, `at ${simulation.nowMs.toFixed(1)} ms ${text}`, evidence));
  }
}

function isSynced(configs: Readonly<Record<string, string>>): boolean {
  return configs['durability'] !== 'replicated';
}
