import { type Environment, parseSettings, sleep } from '@millrace/base';
import { Controller, controllerSettings, metadataTopic } from '@millrace/controller';
import { type MetadataDelta, metadataDelta, MetadataImage, type PartitionImage } from '@millrace/controller/image';
import { errorByNumber, protocolError } from '@millrace/protocol';
import { BatchView, nextBatchSize, recordsOf } from '@millrace/record';
import { LogDirectory } from '@millrace/storage';
import { type CrashPolicy, type Fate, Simulation, type SimulationOptions } from '@millrace/testkit';
import { Broker } from '../src/broker.js';
import { type BrokerSettings, defaultBrokerSettings } from '../src/broker-settings.js';
import type { ControllerGateway } from '../src/controller-gateway.js';
import type { ReplicaState } from '../src/replica-state.js';
import { batchOf, produce } from './node-fixture.js';
import { RawClient } from './raw-client.js';

export interface ClusterOptions extends Partial<SimulationOptions> {
  readonly nodes?: number;
  readonly settings?: Partial<BrokerSettings>;
  readonly sessionMs?: number;
}

/** What a test does to the way between a broker and the controller. */
export class GatewayFaults {
  /** Nothing gets through, in either direction: calls are answered with an error after a while. */
  isCut = false;
  /** Called before each AlterPartition leaves; the promise holds it up. */
  beforeAlterPartition: (() => Promise<void>) | undefined;
  /** The controller acts on it, and its answer is lost. */
  losesAlterPartitionAnswers = false;
}

const hopMs = 0.5;
const lostMs = 500;

/** The controller as a broker reaches it: each message takes time, comes in order, and may be lost. */
class SimulatedGateway {
  image = MetadataImage.empty;
  readonly faults: GatewayFaults;
  readonly #environment: Environment;
  readonly #controller: () => Controller;
  readonly #listeners = new Set<(image: MetadataImage, delta: MetadataDelta) => void>();
  #isOver = false;

  constructor(environment: Environment, controller: () => Controller, faults: GatewayFaults) {
    this.#environment = environment;
    this.#controller = controller;
    this.faults = faults;
    this.#follow();
  }

  get controllerId(): number {
    return 100;
  }

  subscribe(listener: (image: MetadataImage, delta: MetadataDelta) => void): () => void {
    this.#listeners.add(listener);
    listener(this.image, metadataDelta(MetadataImage.empty, this.image));
    return () => this.#listeners.delete(listener);
  }

  end(): void {
    this.#isOver = true;
  }

  /** Asked anew: faults come and go while a call is under way. */
  #isCutNow(): boolean {
    return this.faults.isCut;
  }

  async call<Reply>(ask: (controller: Controller) => Promise<Reply>, losesAnswer = false): Promise<Reply> {
    const { clock } = this.#environment;
    await sleep(clock, hopMs);
    if (!this.faults.isCut) {
      const reply = ask(this.#controller());
      if (!losesAnswer) {
        // What comes back to a node that has ended meets nobody.
        const back = await reply.finally(() => (this.#isOver ? new Promise(() => undefined) : undefined));
        await sleep(clock, hopMs);
        if (!this.#isCutNow()) return back;
      } else reply.catch(() => undefined);
    }
    await sleep(clock, lostMs);
    throw protocolError('REQUEST_TIMED_OUT', 'The controller did not answer.');
  }

  /** The image follows the controller's, one way late. */
  #follow(): void {
    this.#environment.clock.schedule(hopMs, () => {
      const after = this.#controller().image;
      if (!this.faults.isCut && after !== this.image) {
        const delta = metadataDelta(this.image, after);
        this.image = after;
        for (const listener of this.#listeners) listener(after, delta);
      }
      this.#follow();
    });
  }
}

function gatewayOf(transport: SimulatedGateway): ControllerGateway {
  const { faults } = transport;
  return {
    get image() {
      return transport.image;
    },
    controllerId: transport.controllerId,
    subscribe: (listener) => transport.subscribe(listener),
    registerBroker: (request) => transport.call((controller) => controller.registerBroker(request, 'remote')),
    heartbeat: (request) => transport.call((controller) => controller.heartbeat(request)),
    allocateProducerIds: (request) => transport.call((controller) => controller.allocateProducerIds(request)),
    alterPartition: async (request) => {
      await faults.beforeAlterPartition?.();
      return transport.call((controller) => controller.alterPartition(request), faults.losesAlterPartitionAnswers);
    },
    electLeaders: (request) => transport.call((controller) => controller.electLeaders(request)),
    alterPartitionReassignments: (request) =>
      transport.call((controller) => controller.alterPartitionReassignments(request)),
    listPartitionReassignments: (request) =>
      transport.call((controller) => controller.listPartitionReassignments(request)),
    createTopics: (request) => transport.call((controller) => controller.createTopics(request)),
    autoCreateTopics: (names) => transport.call((controller) => controller.autoCreateTopics(names)),
    deleteTopics: (request) => transport.call((controller) => controller.deleteTopics(request)),
    createPartitions: (request) => transport.call((controller) => controller.createPartitions(request)),
    alterConfigs: (request) => transport.call((controller) => controller.alterConfigs(request)),
    describeConfigs: (request) => transport.call((controller) => controller.describeConfigs(request)),
    describeCluster: () => transport.call((controller) => controller.describeCluster()),
    describeQuorum: () => transport.call((controller) => controller.describeQuorum()),
    addVoter: (request) => transport.call((controller) => controller.addVoter(request)),
    removeVoter: (request) => transport.call((controller) => controller.removeVoter(request)),
    unregisterBroker: (request) => transport.call((controller) => controller.unregisterBroker(request)),
  };
}

export interface ClusterNode {
  readonly id: number;
  readonly name: string;
  readonly faults: GatewayFaults;
  transport: SimulatedGateway | undefined;
  broker: Broker | undefined;
  logDirectory: LogDirectory | undefined;
  life: number;
}

/** Brokers on nodes of a simulation, and one controller beside them that never fails. */
export class ClusterFixture {
  readonly simulation: Simulation;
  readonly nodes: readonly ClusterNode[];
  readonly #options: ClusterOptions;
  controller!: Controller;

  private constructor(options: ClusterOptions) {
    this.#options = options;
    this.simulation = new Simulation({ seed: 1, link: { delayMinMs: 0.1, delayMaxMs: 0.3 }, ...options });
    this.nodes = Array.from({ length: options.nodes ?? 3 }, (_, index) => ({
      id: index + 1,
      name: `node-${index + 1}`,
      faults: new GatewayFaults(),
      transport: undefined,
      broker: undefined,
      logDirectory: undefined,
      life: 0,
    }));
  }

  static async start(options: ClusterOptions = {}): Promise<ClusterFixture> {
    const cluster = new ClusterFixture(options);
    await cluster.complete(cluster.#openController());
    await cluster.complete(Promise.all(cluster.nodes.map((node) => cluster.#open(node))));
    await cluster.until(() => cluster.nodes.every(({ broker }) => broker?.problems.length === 0));
    return cluster;
  }

  get image(): MetadataImage {
    return this.controller.image;
  }

  node(id: number): ClusterNode {
    const node = this.nodes[id - 1];
    if (node === undefined) throw new Error(`no node ${id}`);
    return node;
  }

  /** Over the disk that is there. */
  async restart(id: number): Promise<void> {
    await this.complete(this.#open(this.node(id)));
  }

  /** As `restart`, but does not wait. */
  restartSoon(id: number): void {
    void this.#open(this.node(id));
  }

  /** Power cut. */
  crash(id: number, policy: CrashPolicy | Fate = 'lost'): void {
    this.#ended(id, (name) => this.simulation.crash(name, policy));
  }

  kill(id: number): void {
    this.#ended(id, (name) => this.simulation.kill(name));
  }

  /** In order, with the mark of a clean stop. */
  async stop(id: number): Promise<void> {
    const node = this.node(id);
    const { broker, logDirectory } = node;
    if (broker === undefined || logDirectory === undefined) throw new Error(`node ${id} does not run`);
    const { brokerEpoch } = broker;
    await this.complete(broker.close().then(() => logDirectory.close({ brokerEpoch })));
    this.kill(id);
  }

  complete<Value>(promise: Promise<Value>, timeoutMs = 60_000): Promise<Value> {
    return this.simulation.complete(promise, timeoutMs);
  }

  until(condition: () => boolean, timeoutMs = 30_000): Promise<void> {
    return this.simulation.runUntil(condition, timeoutMs);
  }

  async topic(name: string, options: { partitions?: number; copies?: number; configs?: Record<string, string> } = {}) {
    const { partitions = 1, copies = 3, configs = {} } = options;
    const settings = Object.entries(configs).map(([key, value]) => ({ key, value }));
    const topic = { name, partitions, replicationFactor: copies, configs: settings };
    const { topics } = await this.complete(
      this.controller.createTopics({ topics: [topic], timeoutMs: 10_000, validateOnly: false }),
    );
    const [created] = topics;
    if (created === undefined || created.topicId === null)
      throw new Error(`topic not created: ${created?.message ?? 'no answer'}`);
    const { topicId } = created;
    await this.until(() => this.leader(topicId)?.leadership?.isr.length === copies);
    return topicId;
  }

  /** As the controller has it. */
  partition(topicId: string, index = 0): PartitionImage {
    const partition = this.image.partition(topicId, index);
    if (partition === undefined) throw new Error(`no partition ${topicId}-${index}`);
    return partition;
  }

  replica(id: number, topicId: string, index = 0): ReplicaState | undefined {
    for (const replica of this.node(id).broker?.replicas() ?? []) {
      if (replica.topicId === topicId && replica.partition === index) return replica;
    }
    return undefined;
  }

  /** The replica that the controller has made leader, once it acts as one. */
  leader(topicId: string, index = 0): ReplicaState | undefined {
    const { leader, leaderEpoch } = this.partition(topicId, index);
    const replica = leader === -1 ? undefined : this.replica(leader, topicId, index);
    return replica?.role === 'leader' && replica.leaderEpoch === leaderEpoch ? replica : undefined;
  }

  /** All replicas are there, in sync, and equally far. */
  isHealed(topicId: string, index = 0): boolean {
    const { replicas, isr } = this.partition(topicId, index);
    const leader = this.leader(topicId, index);
    if (leader === undefined || isr.length !== replicas.length || leader.leadership?.maximalIsr.length !== isr.length) {
      return false;
    }
    return replicas.every((id) => {
      const replica = this.replica(id, topicId, index);
      return replica?.endOffset === leader.endOffset && replica.highWatermark === leader.endOffset;
    });
  }

  /** For the message of a test that got stuck. */
  describe(topicId: string, index = 0): string {
    const nodes = this.nodes.map((node) => {
      const logger = this.simulation.logger(node.name);
      const problems = node.broker?.problems.join('; ') ?? 'down';
      const lines = logger.lines
        .slice(-8)
        .map(({ level, message, fields }) => `${level} ${message} ${JSON.stringify(fields)}`);
      return [node.name, problems, JSON.stringify(this.replica(node.id, topicId, index)), ...lines].join('\n    ');
    });
    return [JSON.stringify(this.partition(topicId, index)), ...nodes].join('\n');
  }

  async client(id: number, name = 'client'): Promise<RawClient> {
    return this.complete(RawClient.open(this.simulation.environment(name), { host: this.node(id).name, port: 7400 }));
  }

  /** Of the node that leads. */
  leaderClient(topicId: string, name = 'client'): Promise<RawClient> {
    return this.client(this.partition(topicId).leader, name);
  }

  /** Batches on the disk of a running node: epoch and values by base offset. */
  async content(id: number, topicId: string, index = 0): Promise<readonly LogBatch[]> {
    const { logDirectory } = this.node(id);
    const hosted = logDirectory?.logs().find((one) => one.topicId === topicId && one.partition === index);
    if (hosted === undefined) return [];
    const { log } = hosted;
    const batches: LogBatch[] = [];
    for (let offset = log.startOffset; offset < log.endOffset;) {
      const read = await this.complete(log.read(offset, 1_000_000, log.endOffset));
      const { bytes } = read;
      for (const batch of batchesOf(Buffer.from(bytes))) {
        batches.push(batch);
        offset = batch.nextOffset;
      }
      read.release?.();
    }
    return batches;
  }

  async #openController(): Promise<void> {
    const environment = this.simulation.environment('controller');
    const directory = await LogDirectory.open(environment, { path: 'data', nodeId: 100, lowSpaceBytes: 0 });
    const log = await directory.createLog({
      topic: metadataTopic.name,
      partition: metadataTopic.partition,
      topicId: metadataTopic.topicId,
      config: metadataTopic.config,
    });
    const sessionMs = this.#options.sessionMs ?? 1500;
    this.controller = await Controller.open(environment, {
      log,
      nodeId: 100,
      settings: parseSettings(controllerSettings, { 'broker.session.timeout.ms': String(sessionMs) }),
      nodeDefaults: {},
      clusterId: directory.clusterId,
    });
  }

  async #open(node: ClusterNode): Promise<void> {
    const { simulation } = this;
    node.life += 1;
    const environment = node.life === 1 ? simulation.environment(node.name) : simulation.restart(node.name);
    const transport = new SimulatedGateway(environment, () => this.controller, node.faults);
    node.transport = transport;
    const { clusterId } = this.controller;
    const logDirectory = await LogDirectory.open(environment, {
      path: 'data',
      nodeId: node.id,
      lowSpaceBytes: 0,
      clusterId,
    });
    node.logDirectory = logDirectory;
    node.broker = await Broker.open({
      environment,
      settings: {
        ...defaultBrokerSettings,
        heartbeatMs: 300,
        sessionTimeoutMs: this.#options.sessionMs ?? 1500,
        replicaLagMaxMs: 1000,
        controlledShutdownMs: 5000,
        ...this.#options.settings,
      },
      nodeId: node.id,
      clusterId,
      softwareVersion: '0.0.0',
      client: { host: node.name, port: 7400 },
      internal: { host: node.name, port: 7401 },
      logDirectory,
      controller: gatewayOf(transport),
      nodeDefaults: {},
      producerIdExpirationMs: 86_400_000,
      identity: { roles: ['broker'], rack: null, hostLabel: null, advertised: undefined },
    });
  }

  #ended(id: number, end: (name: string) => void): void {
    const node = this.node(id);
    node.transport?.end();
    node.broker = undefined;
    node.logDirectory = undefined;
    end(node.name);
  }
}

export interface LogBatch {
  readonly baseOffset: number;
  readonly nextOffset: number;
  readonly epoch: number;
  readonly values: readonly string[];
}

function batchesOf(bytes: Buffer): LogBatch[] {
  const batches: LogBatch[] = [];
  const view = new BatchView();
  let position = 0;
  for (let size = nextBatchSize(bytes, 0, bytes.length); size !== undefined;) {
    view.at(bytes, position);
    const { baseOffset, nextOffset, leaderEpoch } = view;
    const records = [...recordsOf(bytes.subarray(position, position + size), { maxDecompressedBytes: 1_000_000 })];
    const values = records.map(({ value }) => Buffer.from(value ?? new Uint8Array()).toString());
    batches.push({ baseOffset, nextOffset, epoch: leaderEpoch, values });
    position += size;
    size = nextBatchSize(bytes, position, bytes.length);
  }
  return batches;
}

export interface Sent {
  readonly error: string;
  readonly offset: number;
}

/** One record, to whom the client is connected. */
export async function send(
  client: RawClient,
  topicId: string,
  value: string,
  options: { acks?: -1 | 1; timeoutMs?: number; partition?: number } = {},
): Promise<Sent> {
  const { partition = 0, ...rest } = options;
  const [result] = await produce(client, [{ topicId, partition, batch: batchOf([value]) }], rest);
  const error = result?.error ?? -1;
  return {
    error: error === 0 ? 'NONE' : (errorByNumber(error)?.name ?? String(error)),
    offset: result?.baseOffset ?? -1,
  };
}
