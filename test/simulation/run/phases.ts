/**
 * The life of a run:
 *
 *     boot -> warm-up -> safety (operations and faults) -> heal -> liveness -> drain -> ending -> restart -> drain -> end
 *
 * Until `heal` only safety is asked for. From then on the cluster must come back to work by itself, within bounds.
 */
import { MillraceError, type Environment } from '@millrace/base';
import type { Simulation } from '@millrace/testkit';
import { auditDisks } from '../checks/audit-disks.js';
import { checkDisks } from '../checks/check-disks.js';
import { checkMetadata, readAllMetadata } from '../checks/check-metadata.js';
import { violation, type Violation } from '../checks/violation.js';
import { ReplicaWatch } from '../checks/replica-watch.js';
import { dataDirectory, SimulatedCluster } from '../cluster/simulated-cluster.js';
import { FaultDriver } from '../faults/fault-driver.js';
import type { Operation } from '../plan/operation.js';
import type { DelayRange, Plan } from '../plan/plan.js';
import { markMetadata } from '../report/mark-metadata.js';
import type { Marks } from '../report/marks.js';
import type { TimeLine } from '../report/time-line.js';
import { AdministeringClient } from '../workload/administering-client.js';
import { ConsumingClient } from '../workload/consuming-client.js';
import { drainAll } from '../workload/drain.js';
import type { History } from '../workload/history.js';
import { ProducingClient } from '../workload/producing-client.js';
import type { Workload } from '../workload/workload.js';
import { deleteDerivedFiles } from './derived-files.js';
import { GroupPhases } from './group-phases.js';
import type { Script } from './script.js';
import { TransactionPhases } from './transaction-phases.js';

export interface PhasesOptions {
  readonly simulation: Simulation;
  readonly plan: Plan;
  readonly marks: Marks;
  readonly history: History;
  readonly timeLine: TimeLine;
  readonly diskLatency: DelayRange;
  readonly wrap: ((environment: Environment, node: string) => Environment) | undefined;
  /** Instead of the plan's safety phase. */
  readonly script: Script | undefined;
}

const warmUpMs = 200;
/** How long healing may take, in virtual time. */
const convergeMs = 60_000;
/** What has arrived is written and synced by then. */
const quietMs = 200;
/** How often conditions are looked at: after every event would cost more than the events. */
const lookMs = 20;
const pollMs = 200;
const drainMs = 300_000;
/** By then faults that were planned have passed and sockets are gone; what still comes later was forgotten. */
const lingerMs = 30_000;
const leakWatchMs = 120_000;
const probeOperation = 1_000_000;

export class Phases {
  readonly violations: Violation[] = [];
  readonly #options: PhasesOptions;
  readonly #workload: Workload;
  readonly #cluster: SimulatedCluster;
  readonly #producers: readonly ProducingClient[];
  readonly #consumers: readonly ConsumingClient[];
  readonly #probe: ProducingClient;
  readonly #groups: GroupPhases;
  readonly #transactions: TransactionPhases;
  readonly #watch: ReplicaWatch;
  readonly #faults: FaultDriver;
  /** What clients run on. */
  readonly #machines: ReadonlySet<string>;
  #admin: AdministeringClient | undefined;
  #isAuditing = false;

  constructor(options: PhasesOptions) {
    this.#options = options;
    const { simulation, plan, marks, history, timeLine } = options;
    this.#cluster = new SimulatedCluster({
      simulation,
      config: plan.config,
      timeLine,
      marks,
      wrap: options.wrap ?? ((environment) => environment),
    });
    this.#workload = {
      simulation,
      plan,
      bootstrap: this.#cluster.bootstrap,
      history,
      timeLine,
      marks,
      gate: { isClosed: false },
    };
    this.#watch = new ReplicaWatch({ simulation, plan, cluster: this.#cluster, violations: this.violations });
    this.#producers = plan.config.producers.map((each, index) => new ProducingClient(this.#workload, index, each));
    this.#consumers = plan.config.consumers.map((each, index) => new ConsumingClient(this.#workload, index, each));
    this.#probe = new ProducingClient(this.#workload, plan.config.producers.length, probePlan);
    this.#groups = new GroupPhases(this.#workload, this.violations);
    this.#transactions = new TransactionPhases(this.#workload, this.violations);
    const clients = [
      ...[...this.#producers, ...this.#consumers].map(({ node }) => node),
      ...this.#groups.members.map(({ node }) => node),
      ...[...this.#transactions.transactors, ...this.#transactions.copiers].map(({ node }) => node),
    ];
    this.#machines = new Set([...clients, this.#probe.node, 'admin']);
    this.#faults = new FaultDriver({
      simulation,
      plan,
      cluster: this.#cluster,
      clients: [...clients, 'admin'],
      timeLine,
      marks,
      onPowerCut: () => this.#audit(),
    });
  }

  get faultCounts(): [string, number][] {
    return [...this.#faults.counts];
  }

  async run(): Promise<void> {
    const { plan } = this.#options;
    await this.#boot();
    this.#admin = new AdministeringClient(this.#workload);
    await this.#createTopics(this.#admin);
    for (const client of [...this.#producers, ...this.#consumers]) client.open();
    this.#groups.open();
    await this.#complete(this.#transactions.open(this.#admin), convergeMs);
    await this.#options.simulation.runFor(warmUpMs);

    this.#phase('safety');
    for (const operation of plan.operations) this.#schedule(operation, this.#admin);
    this.#faults.schedule(plan.faults);
    this.#isAuditing = true;
    this.#scheduleAudit();
    this.#watch.start();
    if (this.#options.script === undefined) await this.#options.simulation.runFor(plan.config.safetyMs);
    else await this.#perform(this.#options.script, this.#admin);

    this.#phase('liveness');
    this.#workload.gate.isClosed = true;
    this.#faults.healAll();
    this.#watch.healed();
    this.#groups.heal();
    this.#transactions.heal();
    await this.#converge(this.#admin);
    this.#isAuditing = false;
    this.#watch.stop();

    this.#phase('drain');
    await this.#closeClients();
    await this.#untilQuiet();
    const admin = new AdministeringClient(this.#workload);
    await this.#complete(drainAll(this.#workload, admin, 'before the end'), drainMs);
    await this.#complete(this.#groups.note(admin, 'before the end'), drainMs);
    await this.#transactions.drain(admin);
    await this.#complete(admin.close(), convergeMs);

    this.#phase(`ending: ${plan.config.ending}`);
    await this.#end();
    await this.#boot();
    const laterAdmin = new AdministeringClient(this.#workload);
    // The disks are compared in the end: a replica that came back behind must have had the time to follow.
    await this.#untilInSync(laterAdmin, await this.#complete(laterAdmin.partitionCounts(), convergeMs));
    await this.#complete(drainAll(this.#workload, laterAdmin, 'after the restart'), drainMs);
    await this.#complete(this.#groups.note(laterAdmin, 'after the restart'), drainMs);
    await this.#complete(laterAdmin.close(), convergeMs);
    await this.#stopAll();
    await this.#checkLeaks();
    await this.#checkDisks();
  }

  #phase(name: string): void {
    this.#options.timeLine.add('simulator', `phase: ${name}`);
  }

  async #boot(): Promise<void> {
    for (const node of this.#cluster.nodes) this.#cluster.start(node);
    await this.#until('all nodes are up', () => this.#cluster.problems().length === 0);
  }

  async #createTopics(admin: AdministeringClient): Promise<void> {
    for (const topic of this.#options.plan.config.topics) {
      if (!(await this.#complete(admin.createTopic(topic), convergeMs))) {
        throw new MillraceError('NOT_CONVERGED', `Topic ${topic.name} could not be created though nothing was wrong.`);
      }
    }
  }

  #schedule(operation: Operation, admin: AdministeringClient): void {
    this.#options.simulation.after(operation.atMs, () => this.#performOperation(operation, admin));
  }

  #performOperation(operation: Operation, admin: AdministeringClient): void {
    switch (operation.kind) {
      case 'send':
        this.#producer(operation.producer).send(operation);
        break;
      case 'restart-producer':
        void this.#producer(operation.producer).restart(operation.isGraceful);
        break;
      case 'restart-consumer':
        void this.#consumers[operation.consumer % this.#consumers.length]?.restart(operation.isGraceful);
        break;
      case 'list-latest':
        void admin.listLatest(operation);
        break;
      case 'delete-records':
        void admin.deleteRecords(operation);
        break;
      case 'recreate-topic':
        void admin.recreateTopic(operation);
        break;
      case 'grow-topic':
        void admin.growTopic(operation);
        break;
      case 'member':
        this.#groups.perform(operation);
        break;
      default:
        this.#transactions.perform(operation);
    }
  }

  async #perform(script: Script, admin: AdministeringClient): Promise<void> {
    const { simulation, plan, timeLine, history, marks } = this.#options;
    await script({
      simulation,
      plan,
      timeLine,
      history,
      marks,
      admin,
      cluster: this.#cluster,
      faults: this.#faults,
      producers: this.#producers,
      consumers: this.#consumers,
      members: this.#groups.members,
      transactors: this.#transactions.transactors,
      copiers: this.#transactions.copiers,
      violations: this.violations,
    });
  }

  #producer(index: number): ProducingClient {
    return this.#producers[index % this.#producers.length] ?? this.#probe;
  }

  /** The cluster works again: everybody has an answer, every partition takes records, readers have read them. */
  async #converge(admin: AdministeringClient): Promise<void> {
    const { history, plan } = this.#options;
    await this.#until('all nodes are up and well', () => this.#restartUnwell());
    const longestMs =
      Math.max(0, ...history.sends.map(({ deadlineMs }) => deadlineMs)) - this.#options.simulation.nowMs;
    await this.#until(
      'every send and every call has its outcome',
      () =>
        history.sends.every(({ endedMs }) => endedMs < Infinity) &&
        history.calls.every(({ endedMs }) => endedMs < Infinity),
      Math.max(longestMs, 0) + convergeMs,
    );
    for (const topic of plan.config.topics) {
      if (topic.role === 'churned') await this.#complete(admin.createTopic(topic), convergeMs);
    }
    const counts = await this.#complete(admin.partitionCounts(), convergeMs);
    await this.#untilInSync(admin, counts);
    this.#probe.open();
    let id = probeOperation;
    for (const [topic, partitions] of counts) {
      for (let partition = 0; partition < partitions; partition += 1) {
        this.#probe.send({
          kind: 'send',
          id: (id += 1),
          atMs: 0,
          producer: -1,
          topic,
          partition,
          count: 1,
          sizeBytes: 0,
          everyMs: 0,
          call: 'send',
        });
      }
    }
    const probes = history.sends.filter(({ producer }) => producer === this.#probe.name);
    await this.#until('every partition takes records', () => probes.every(({ outcome }) => outcome !== 'pending'));
    for (const { topic, partition, outcome, error } of probes) {
      if (outcome === 'ok') continue;
      this.violations.push(violation('H1', `${topic}-${partition} takes no records after healing: ${error ?? ''}`));
    }
    await this.#until('consumers have read to the end', () =>
      probes.every(
        ({ topic, partition, offset, outcome }) => outcome !== 'ok' || this.#isRead(topic, partition, offset),
      ),
    );
    await this.#groups.settle(admin, counts);
    await this.#transactions.settle(admin);
  }

  /** A16: every replica is in sync again. */
  async #untilInSync(admin: AdministeringClient, counts: ReadonlyMap<string, number>): Promise<void> {
    const { simulation } = this.#options;
    const untilMs = simulation.nowMs + convergeMs;
    for (const topic of counts.keys()) {
      for (;;) {
        const behind = await this.#complete(admin.replicasBehind(topic), convergeMs);
        if (behind.length === 0) break;
        if (simulation.nowMs > untilMs) {
          this.violations.push(violation('A16', `replicas of ${topic} do not get in sync after healing`, behind));
          return;
        }
        await simulation.runFor(pollMs);
      }
    }
  }

  /** A consumer may hold on to a topic's earlier life; of others it reads everything. */
  #isRead(topic: string, partition: number, offset: number): boolean {
    const role = this.#options.plan.config.topics.find(({ name }) => name === topic)?.role;
    return role === 'churned' || this.#consumers.every((consumer) => consumer.position(topic, partition) > offset);
  }

  /** A log that failed comes back with a restart, and with nothing else: an operator would do it. */
  #restartUnwell(): boolean {
    for (const node of this.#cluster.nodes) {
      // One that was being stopped when all was healed is down by now.
      if (node.state === 'down') this.#cluster.start(node);
      const failed = node.running?.problems.find((problem) => problem.includes('offline'));
      if (node.state !== 'up' || failed === undefined) continue;
      this.#options.timeLine.add(node.name, `needs a restart: ${failed}`);
      this.#cluster.kill(node);
      this.#cluster.start(node);
    }
    return this.#cluster.problems().length === 0;
  }

  /** What clients sent just before their end has come to the logs that it comes to. */
  async #untilQuiet(): Promise<void> {
    const { simulation, plan } = this.#options;
    await this.#until('nothing of the clients is on its way', () => simulation.network.isSilent(this.#machines));
    await simulation.runFor(Math.max(quietMs, 20 * plan.config.disk.maxMs));
  }

  async #closeClients(): Promise<void> {
    const clients = [...this.#producers, ...this.#consumers, this.#probe];
    await this.#complete(
      Promise.all([...clients.map((client) => client.close()), this.#groups.close(), this.#transactions.close()]),
      convergeMs,
    );
    if (this.#admin !== undefined) await this.#complete(this.#admin.close(), convergeMs);
  }

  async #end(): Promise<void> {
    const { simulation, plan } = this.#options;
    const { ending } = plan.config;
    if (ending === 'power-cut' || ending === 'lost') {
      this.#audit();
      for (const node of this.#cluster.nodes) {
        node.isWanted = false;
        this.#cluster.crash(node, ending === 'lost' ? 'lost' : 'random');
      }
      return;
    }
    await this.#stopAll();
    if (ending === 'graceful') return;
    for (const { name } of this.#cluster.nodes) deleteDerivedFiles(simulation.disk(name).files(), dataDirectory);
  }

  async #stopAll(): Promise<void> {
    for (const node of this.#cluster.nodes) node.isWanted = false;
    await this.#complete(Promise.all(this.#cluster.nodes.map((node) => this.#cluster.stop(node))), convergeMs);
  }

  /** Everything is closed: nothing may go on. */
  async #checkLeaks(): Promise<void> {
    const { simulation } = this.#options;
    await simulation.runFor(lingerMs);
    const events = simulation.eventsRun;
    const lines = simulation.traceLines.length;
    await simulation.runFor(leakWatchMs);
    const leaked = simulation.eventsRun - events;
    if (leaked === 0) return;
    const text = `${leaked} events came after all was closed: a timer or a socket was forgotten`;
    this.violations.push(violation('H2', text, simulation.traceLines.slice(lines)));
  }

  async #checkDisks(): Promise<void> {
    const { simulation, history } = this.#options;
    const disks = this.#cluster.nodes.map(({ name }) => ({
      node: name,
      files: simulation.disk(name).files(),
      rotten: this.#faults.rottenOf(name),
    }));
    const metadata = readAllMetadata(disks, dataDirectory);
    markMetadata(metadata, this.#options.marks);
    this.violations.push(...checkMetadata(metadata));
    const drains = history.drainsOf('after the restart');
    this.violations.push(...(await checkDisks(disks, drains, dataDirectory)));
    const files = disks.map((disk) => disk.files);
    this.violations.push(...this.#groups.audit(files), ...this.#transactions.audit(files));
  }

  #scheduleAudit(): void {
    const { auditMs } = this.#options.plan.config;
    if (auditMs === 0) return;
    this.#options.simulation.after(auditMs, () => {
      if (!this.#isAuditing) return;
      this.#audit();
      this.#scheduleAudit();
    });
  }

  #audit(): void {
    if (this.violations.some(({ invariant }) => invariant === 'A11')) return;
    const { simulation, plan, history } = this.#options;
    const disks = this.#cluster.nodes.map(({ name }) => simulation.disk(name));
    const random = simulation.random.stream('audit');
    this.violations.push(...auditDisks({ plan, history, disks, dataDirectory, random }));
  }

  async #until(what: string, predicate: () => boolean, timeoutMs = convergeMs): Promise<void> {
    const { simulation } = this.#options;
    const untilMs = simulation.nowMs + timeoutMs;
    while (!predicate()) {
      if (simulation.nowMs >= untilMs) {
        const problems = this.#cluster.problems().join('; ');
        const detail = problems === '' ? '' : ` (${problems})`;
        throw new MillraceError('NOT_CONVERGED', `Within ${timeoutMs} ms it did not come about that ${what}${detail}.`);
      }
      await simulation.runFor(lookMs);
    }
  }

  #complete<Value>(promise: Promise<Value>, timeoutMs: number): Promise<Value> {
    return this.#options.simulation.complete(promise, timeoutMs);
  }
}

/** Plain and patient: if it gets no answer, nobody would. */
const probePlan = {
  acks: 'all',
  idempotent: true,
  lingerMs: 0,
  batchBytes: 16_384,
  bufferMemoryBytes: 1_048_576,
  compression: 'none',
  maxInFlightRequests: 5,
  requestTimeoutMs: 3000,
  deliveryTimeoutMs: 30_000,
} as const;
