/** Performs a scenario on a stage: who is called what, who writes, how long is waited. */
import { assert } from '@millrace/base';
import type { ReplicaState } from '@millrace/broker';
import type { PartitionImage } from '@millrace/controller/image';
import { Choice } from '../simulation/plan/choice.js';
import type { ClusterLine, ClusterNode } from '../simulation/cluster/simulated-cluster.js';
import type { Stage } from '../simulation/run/script.js';
import type { GroupCommit } from '../simulation/workload/group-history.js';
import type { MemberClient } from '../simulation/workload/member-client.js';

/** A partition by name. */
export interface PartitionName {
  readonly topic: string;
  readonly partition: number;
}

/** A commit whose link was cut while it was on its way. */
export interface HeldCommit {
  readonly commit: GroupCommit;
  readonly member: MemberClient;
  readonly to: string;
}

/** The situation that the scenario is about did not come about. */
export class NotReached extends Error {}

export class Director {
  readonly stage: Stage;
  readonly choice: Choice;
  /** What nodes logged since the last `listen`. */
  readonly lines: ClusterLine[] = [];
  held: HeldCommit | undefined;
  readonly #nodes = new Map<string, ClusterNode>();
  readonly #partitions = new Map<string, PartitionName>();
  readonly #noted = new Map<string, number>();
  #writing = 0;
  #sends = 0;
  #transacting = 0;
  #transactions = 0;

  constructor(stage: Stage) {
    this.stage = stage;
    this.choice = new Choice(stage.simulation.random.stream('scenario'));
    stage.cluster.onLine = (line) => this.lines.push(line);
  }

  name(name: string, what: ClusterNode | PartitionName): void {
    const { timeLine } = this.stage;
    if ('topic' in what) {
      this.#partitions.set(name, what);
      timeLine.add('scenario', `${name} is ${what.topic}-${what.partition}`);
    } else {
      this.#nodes.set(name, what);
      timeLine.add('scenario', `${name} is ${what.name}`);
    }
  }

  /** `L`, `node-2`, `the controller`, `a node`. */
  node(name: string): ClusterNode {
    const { cluster } = this.stage;
    if (name === 'the controller') return cluster.controller();
    if (name === 'a node') return this.choice.of(cluster.nodes);
    const node = this.#nodes.get(name) ?? cluster.nodes.find((each) => each.name === name);
    assert(node !== undefined, `no node is called ${name}`);
    return node;
  }

  /** `L, F`, `all nodes`, or one. */
  nodes(names: string): ClusterNode[] {
    if (names === 'all nodes') return [...this.stage.cluster.nodes];
    return names.split(/, | and /).map((name) => this.node(name));
  }

  othersThan(nodes: readonly ClusterNode[]): ClusterNode[] {
    return this.stage.cluster.nodes.filter((node) => !nodes.includes(node));
  }

  partition(name: string): PartitionName {
    const named = this.#partitions.get(name);
    if (named !== undefined) return named;
    const match = /^(.+)-(\d+)$/.exec(name);
    assert(match !== null, `no partition is called ${name}`);
    return { topic: match[1] ?? '', partition: Number(match[2]) };
  }

  /** What the newest metadata says. */
  image(name: string): PartitionImage {
    const { topic, partition } = this.partition(name);
    const image = this.stage.cluster.image.topicByName(topic)?.partitions[partition];
    if (image === undefined) throw new NotReached(`there is no partition ${topic}-${partition}`);
    return image;
  }

  nodeById(nodeId: number): ClusterNode {
    return this.stage.cluster.node(nodeId - 1);
  }

  /** Undefined when the node does not run, or does not have it. */
  replica(node: ClusterNode, name: string): ReplicaState | undefined {
    const { topic, partition } = this.partition(name);
    for (const replica of node.running?.replicas() ?? []) {
      if (replica.topic === topic && replica.partition === partition) return replica;
    }
    return undefined;
  }

  /** `300 ms`, `2 s`, `1 s to 3 s`. */
  durationMs(text: string): number {
    const [from = 0, to = from] = text.split(' to ').map((each) => {
      const match = /^([\d.]+) (ms|s)$/.exec(each);
      assert(match !== null, `'${each}' is no time`);
      return Number(match[1]) * (match[2] === 's' ? 1000 : 1);
    });
    return this.choice.between(from, to);
  }

  note(name: string, value: number): void {
    this.#noted.set(name, value);
  }

  noted(name: string): number {
    const value = this.#noted.get(name);
    assert(value !== undefined, `${name} was not noted`);
    return value;
  }

  requireHeld(): HeldCommit {
    assert(this.held !== undefined, 'no commit is held');
    return this.held;
  }

  /** Each record goes to the next partition, by the next producer, until it is told to stop. */
  startWriting(everyMs: number, ageMs = 0): void {
    this.#writing += 1;
    const { simulation } = this.stage;
    const generation = this.#writing;
    const next = (): void => {
      if (generation !== this.#writing) return;
      this.#write(ageMs);
      simulation.after(everyMs, next);
    };
    next();
  }

  stopWriting(): void {
    this.#writing += 1;
  }

  /** Each transactor that has ended what it was told to do gets another transaction. */
  startTransacting(everyMs: number, holdMs: () => number): void {
    this.#transacting += 1;
    const { simulation, transactors } = this.stage;
    const generation = this.#transacting;
    const next = (): void => {
      if (generation !== this.#transacting) return;
      for (const [index, { isBusy }] of transactors.entries()) if (!isBusy) this.#transact(index, holdMs());
      simulation.after(everyMs, next);
    };
    next();
  }

  stopTransacting(): void {
    this.#transacting += 1;
  }

  /** How many were acknowledged of those that were sent since. */
  acknowledgedSince(sinceMs: number): number {
    return this.stage.history.sends.filter(({ outcome, invokedMs }) => outcome === 'ok' && invokedMs >= sinceMs).length;
  }

  #transact(transactor: number, holdMs: number): void {
    const { transactors, plan } = this.stage;
    const last = (plan.config.transactions?.partitions ?? 1) - 1;
    this.#transactions += 1;
    transactors[transactor]?.transact({
      kind: 'transact',
      id: this.#transactions,
      atMs: 0,
      transactor,
      writes: Array.from({ length: this.choice.between(1, 6) }, () => this.choice.between(0, last)),
      ending: this.choice.chance(0.9) ? 'commit' : 'abort',
      holdMs,
    });
  }

  #write(ageMs: number): void {
    const { producers, plan } = this.stage;
    const partitions = plan.config.topics.flatMap(({ name, partitions: count }) =>
      Array.from({ length: count }, (_, partition) => ({ topic: name, partition })),
    );
    this.#sends += 1;
    const target = partitions[this.#sends % partitions.length];
    const producer = producers[Math.floor(this.#sends / partitions.length) % producers.length];
    if (target === undefined || producer === undefined) return;
    const sizeBytes = this.choice.of([0, 50, 500]);
    producer.send({
      kind: 'send',
      id: this.#sends,
      atMs: 0,
      producer: 0,
      ...target,
      count: 1,
      sizeBytes,
      ...(ageMs > 0 ? { ageMs } : {}),
      everyMs: 0,
      call: 'send',
    });
  }
}
