/**
 * The controller: owns the cluster's metadata and answers for it.
 *
 * A thin shell around the state machine of `controller-machine.ts`: it draws ids, keeps time, and tells subscribers.
 * Every method resolves when what it says is committed: on this single voter's disk, or on a majority of the quorum.
 * Subscribers have seen the image before the reply of the change is released, so a client that created a topic can use
 * it at once.
 *
 *     alone       log -> state machine -> image                                   always active
 *     in a quorum Raft log -> image, on every node;  state machine on the leader  active, or refuses: NOT_CONTROLLER
 */
import {
  assert,
  completion,
  type Environment,
  errorMessage,
  MillraceError,
  noMetrics,
  topicIdFromBytes,
} from '@millrace/base';
import type {
  AddRaftVoterRequest,
  AddRaftVoterResponse,
  AlterPartitionReassignmentsRequest,
  AlterPartitionReassignmentsResponse,
  AlterPartitionRequest,
  AlterPartitionResponse,
  CreatePartitionsRequest,
  CreatePartitionsResponse,
  CreateTopicsRequest,
  CreateTopicsResponse,
  DeleteTopicsRequest,
  DeleteTopicsResponse,
  DescribeClusterResponse,
  DescribeConfigsRequest,
  DescribeConfigsResponse,
  DescribeQuorumResponse,
  DescribeTopicPartitionsRequest,
  DescribeTopicPartitionsResponse,
  ElectLeadersRequest,
  ElectLeadersResponse,
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponse,
  ListPartitionReassignmentsRequest,
  ListPartitionReassignmentsResponse,
  RemoveRaftVoterRequest,
  RemoveRaftVoterResponse,
  UnregisterBrokerRequest,
  UnregisterBrokerResponse,
} from '@millrace/protocol';
import type { RaftDriver, RaftRole } from '@millrace/raft';
import { SnapshotStore } from '@millrace/state-machine';
import { ActiveController, type ControllerHostOptions } from './active-controller.js';
import { type ControllerCommand, controllerMachine, type ControllerReplies } from './controller-machine.js';
import { ControllerMetrics } from './controller-metrics.js';
import type { ControllerSettingValues } from './controller-settings.js';
import type { AllocateProducerIdsRequest, ProducerIdBlock } from './decisions/allocate-producer-ids.js';
import { type BalancedPartition, balancePlan, type BalancePlanOptions } from './decisions/balance-plan.js';
import type { BrokerHeartbeatReply, BrokerHeartbeatRequest } from './decisions/broker-heartbeat.js';
import { drawTopicIds } from './draw-topic-ids.js';
import type { RegisterBrokerReply, RegisterBrokerRequest } from './decisions/register-broker.js';
import type { NodeDefaults } from './image/effective-topic-config.js';
import type { MetadataImage } from './image/metadata-image.js';
import { inTime } from './in-time.js';
import { MetadataLog, type MetadataPartitionLog } from './metadata-log.js';
import { metadataSnapshotCodec } from './metadata-snapshot-codec.js';
import { type MetadataListener, MetadataSubscribers } from './metadata-subscribers.js';
import { describeCluster } from './queries/describe-cluster.js';
import { describeConfigs } from './queries/describe-configs.js';
import { describeQuorum } from './queries/describe-quorum.js';
import { describeTopicPartitions } from './queries/describe-topic-partitions.js';
import { listReassignments } from './queries/list-reassignments.js';
import { MetadataQuorum } from './quorum/metadata-quorum.js';
import type { RaftPartitionLog } from './quorum/metadata-raft-storage.js';
import { notController } from './quorum/not-controller-error.js';
import { quorumRaftSettings, type QuorumOptions, type VoterAddress } from './quorum/quorum-options.js';
import { QuorumStateFile } from './quorum/quorum-state-file.js';
import { requireVotersDirectory } from './quorum/require-voters-directory.js';
import { TermOfOffice } from './quorum/term-of-office.js';

export type ControllerEnvironment = Pick<Environment, 'clock' | 'files' | 'logger' | 'random'> &
  Partial<Pick<Environment, 'metrics'>>;

export interface ControllerOptions {
  /** Of `metadataTopic`. Stays the caller's: closed by it, after the controller. */
  readonly log: MetadataPartitionLog & RaftPartitionLog;
  readonly nodeId: number;
  readonly settings: ControllerSettingValues;
  /** What the node's configuration says of topic settings. */
  readonly nodeDefaults: NodeDefaults;
  /** Opening fails with `INCONSISTENT_CLUSTER_ID` when the metadata belongs to another; else a new cluster takes it. */
  readonly clusterId?: string;
  /** Left out: this node is the only voter, and needs nobody. */
  readonly quorum?: Omit<QuorumOptions, 'log'>;
  /** Nothing works any more, because the disk failed, or (in a quorum) this node is not who it says. Stop the node. */
  readonly onFailed?: (error: unknown) => void;
  /** Commands that may wait for their commit. */
  readonly maxPendingCommands?: number;
  /** Records between two snapshots. */
  readonly snapshotEveryRecords?: number;
}

const defaultMaxPendingCommands = 1000;
/** Less than half a second of replay. */
const defaultSnapshotEveryRecords = 20_000;
export class Controller {
  readonly #environment: ControllerEnvironment;
  readonly #options: ControllerOptions;
  readonly #nodeId: number;
  readonly #settings: ControllerSettingValues;
  readonly #nodeDefaults: NodeDefaults;
  readonly #metrics: ControllerMetrics;
  readonly #subscribers: MetadataSubscribers;
  readonly #formed = completion<string>();
  /** Alone: set as soon as the log was read. */
  #alone: ActiveController | undefined;
  #quorum: MetadataQuorum | undefined;
  #term: TermOfOffice | undefined;
  #failure: unknown;
  #isClosed = false;

  /**
   * Alone: replays the metadata log, and forms the cluster when the log is empty. In a quorum: reads the disk and takes part;
   * see {@link formed}.
   */
  static async open(environment: ControllerEnvironment, options: ControllerOptions): Promise<Controller> {
    const controller = new Controller(environment, options);
    try {
      if (options.quorum === undefined) await controller.#startAlone();
      else await controller.#startQuorum(options.quorum);
    } catch (error) {
      await controller.close();
      throw error;
    }
    return controller;
  }

  private constructor(environment: ControllerEnvironment, options: ControllerOptions) {
    this.#environment = environment;
    this.#options = options;
    this.#nodeId = options.nodeId;
    this.#settings = options.settings;
    this.#nodeDefaults = options.nodeDefaults;
    this.#subscribers = new MetadataSubscribers(environment.logger);
    // Whoever waits for it hears of a failure; nobody has to.
    this.#formed.promise.catch(() => undefined);
    this.#metrics = new ControllerMetrics(environment.metrics ?? noMetrics);
    this.#metrics.observe({
      image: () => this.image,
      isActive: () => this.isActive,
      raft: () => this.#quorum?.driver,
    });
  }

  /** The newest committed image. */
  get image(): MetadataImage {
    return this.#subscribers.image;
  }

  /** Offset of the last metadata record in the image; -1: none. */
  get metadataOffset(): number {
    return this.#subscribers.metadataOffset;
  }

  /** Alone, this node; in a quorum its leader, -1 when that is not known. */
  get controllerId(): number {
    return this.#quorum === undefined ? this.#nodeId : (this.#quorum.leadership.leader?.id ?? -1);
  }

  /** Where to reach the node that leads; undefined when it is not known, or is this node. */
  get leaderAddress(): VoterAddress | undefined {
    const leaderId = this.controllerId;
    if (leaderId === this.#nodeId) return undefined;
    return this.#options.quorum?.voters.find(({ id }) => id === leaderId);
  }

  /** Set for as long as this node decides. */
  get #active(): ActiveController | undefined {
    return this.#alone ?? this.#term?.active;
  }

  /** Whether this node decides, and is ready to. */
  get isActive(): boolean {
    return this.#active?.isOpen === true;
  }

  /** Whether this node votes in the quorum: itself, or another directory under its id, or neither. */
  get vote(): 'own' | 'other-directory' | 'none' {
    const { quorum } = this.#options;
    const voter = this.#quorum?.membership.voters.find(({ id }) => id === this.#nodeId);
    if (voter === undefined) return 'none';
    return voter.directoryId === quorum?.directoryId ? 'own' : 'other-directory';
  }

  get role(): RaftRole {
    return this.#quorum?.leadership.role ?? 'leader';
  }

  /** Empty until the cluster has one and this node knows it. */
  get clusterId(): string {
    return this.image.clusterId ?? this.#quorum?.clusterId ?? '';
  }

  /**
   * The cluster's id, as soon as there is a cluster and this node has read of it. Rejects when the controller is closed or
   * has failed.
   */
  get formed(): Promise<string> {
    return this.#formed.promise;
  }

  /** Returns how to end it. */
  subscribe(listener: MetadataListener): () => void {
    return this.#subscribers.add(listener);
  }

  /** `source`: whether the broker is the one of this very process, or one that came over the network. */
  async registerBroker(
    request: RegisterBrokerRequest,
    source: 'local' | 'remote' = 'local',
  ): Promise<RegisterBrokerReply> {
    const { nodeId } = request;
    const active = this.#requireActive();
    requireVotersDirectory(this.#quorum?.membership, request);
    const isSelf = nodeId === this.#nodeId;
    // A second process with this node's id is not this process: that one is alive. Its own earlier registrations are not.
    const isHeard = isSelf ? source === 'remote' : this.#isAlive(active, nodeId);
    if (isSelf && source === 'remote') {
      throw new MillraceError(
        'DUPLICATE_BROKER_REGISTRATION',
        `Node ${nodeId} is the controller that was asked, and it is alive. Give one of the two another node id.`,
      );
    }
    const reply = await this.#submit({ kind: 'register-broker', request, isHeard });
    active.sessions.begin(nodeId, this.#nowMs);
    return reply;
  }

  /**
   * The process of that node has ended: nothing listens where it did, and it has no connection to this node. Its
   * leaderships, in the quorum too, need not wait until its silence has lasted.
   */
  noteGone(nodeId: number): void {
    if (this.#isClosed) return;
    this.#quorum?.driver?.noteGone(nodeId);
    this.#active?.fenceGone(nodeId);
  }

  async heartbeat(request: BrokerHeartbeatRequest): Promise<BrokerHeartbeatReply> {
    const { nodeId, brokerEpoch, metadataOffset } = request;
    const { sessions } = this.#requireActive();
    // When it was heard is when it came in, not when a slow disk let it be answered.
    if (this.image.brokers.get(nodeId)?.brokerEpoch === brokerEpoch) {
      sessions.touch(nodeId, this.#nowMs, metadataOffset);
    }
    const isHeldBack =
      this.image.brokers.get(nodeId)?.state === 'fenced' &&
      !sessions.mayReturn(nodeId, { metadataOffset: this.metadataOffset });
    const command = {
      kind: 'broker-heartbeat',
      request: isHeldBack ? { ...request, metadataOffset: -1 } : request,
    } as const;
    const reply = await this.#submit(command);
    // A controller that was paused, or cut off, may have been replaced, and does not know yet. Its word would make the
    // broker sure of offices that are others' by now: only one that a majority follows may give it.
    await this.#read();
    sessions.touch(nodeId, this.#nowMs, metadataOffset);
    if (!reply.shouldShutdown) return reply;
    const others = [...this.image.brokers.values()].filter(
      (broker) => broker.state === 'active' && broker.nodeId !== nodeId,
    );
    const now = { metadataOffset: this.metadataOffset, ms: this.#nowMs, others: others.map((other) => other.nodeId) };
    return { ...reply, shouldShutdown: sessions.mayStop(nodeId, now) };
  }

  /** Forgets a broker that is fenced and holds no replica. */
  async unregisterBroker({ nodeId, timeoutMs }: UnregisterBrokerRequest): Promise<UnregisterBrokerResponse> {
    const { sessions } = this.#requireActive();
    await this.#inTime(timeoutMs, this.#submit({ kind: 'unregister-broker', nodeId }));
    sessions.forget(nodeId);
    return {};
  }

  alterPartition(request: AlterPartitionRequest): Promise<AlterPartitionResponse> {
    return this.#submit({ kind: 'alter-partition', request });
  }

  electLeaders(request: ElectLeadersRequest): Promise<ElectLeadersResponse> {
    return this.#inTime(request.timeoutMs, this.#submit({ kind: 'elect-leaders', request }));
  }

  alterPartitionReassignments(
    request: AlterPartitionReassignmentsRequest,
  ): Promise<AlterPartitionReassignmentsResponse> {
    return this.#inTime(request.timeoutMs, this.#submit({ kind: 'reassign-partitions', request }));
  }

  async listPartitionReassignments(
    request: ListPartitionReassignmentsRequest,
  ): Promise<ListPartitionReassignmentsResponse> {
    return listReassignments(await this.#read(), request);
  }

  /** Where partitions would go for racks, hosts and brokers to hold equal shares. Changes nothing: see reassignments. */
  async planBalance(options: BalancePlanOptions): Promise<readonly BalancedPartition[]> {
    return balancePlan(await this.#read(), options);
  }

  createTopics(request: CreateTopicsRequest): Promise<CreateTopicsResponse> {
    const topicIds = this.#topicIds(request.topics.length);
    return this.#inTime(request.timeoutMs, this.#submit({ kind: 'create-topics', request, topicIds }));
  }

  /** Creates what does not exist, with default settings; existing topics are returned as they are. */
  autoCreateTopics(names: readonly string[]): Promise<CreateTopicsResponse> {
    return this.#submit({ kind: 'auto-create-topics', names, topicIds: this.#topicIds(names.length) });
  }

  deleteTopics(request: DeleteTopicsRequest): Promise<DeleteTopicsResponse> {
    return this.#inTime(request.timeoutMs, this.#submit({ kind: 'delete-topics', request }));
  }

  createPartitions(request: CreatePartitionsRequest): Promise<CreatePartitionsResponse> {
    return this.#inTime(request.timeoutMs, this.#submit({ kind: 'create-partitions', request }));
  }

  alterConfigs(request: IncrementalAlterConfigsRequest): Promise<IncrementalAlterConfigsResponse> {
    return this.#submit({ kind: 'alter-configs', request });
  }

  allocateProducerIds(request: AllocateProducerIdsRequest): Promise<ProducerIdBlock> {
    return this.#submit({ kind: 'allocate-producer-ids', request });
  }

  async describeConfigs(request: DescribeConfigsRequest): Promise<DescribeConfigsResponse> {
    return describeConfigs(await this.#read(), request, this.#nodeDefaults);
  }

  async describeTopicPartitions(request: DescribeTopicPartitionsRequest): Promise<DescribeTopicPartitionsResponse> {
    return describeTopicPartitions(await this.#read(), request);
  }

  async describeCluster(): Promise<DescribeClusterResponse> {
    const presence = this.#options.quorum?.presence;
    return describeCluster(await this.#read(), {
      controllerId: this.controllerId,
      voterIds: this.#quorum?.membership.voters.map(({ id }) => id) ?? [],
      isConnected: (nodeId) => presence?.isConnected(nodeId) === true,
    });
  }

  /** Writes a snapshot of the metadata, so that the next start replays nothing. */
  snapshot(): Promise<void> {
    if (this.#quorum !== undefined) return this.#quorum.follower.snapshot();
    return this.#active?.snapshot() ?? Promise.resolve();
  }

  async describeQuorum(): Promise<DescribeQuorumResponse> {
    const driver = this.#requireQuorum();
    await driver.barrier();
    return describeQuorum(driver, this.#nodeId);
  }

  /** Makes a voter of a node that follows the metadata, as soon as it has caught up. */
  async addVoter({ nodeId, directoryId, timeoutMs }: AddRaftVoterRequest): Promise<AddRaftVoterResponse> {
    if (this.image.brokers.get(nodeId)?.roles.includes('controller') === false) {
      throw new MillraceError(
        'INVALID_REQUEST',
        `Node ${nodeId} is a broker only: a voter needs the role controller in process.roles.`,
      );
    }
    await this.#inTime(timeoutMs, this.#requireQuorum().addVoter({ id: nodeId, directoryId }));
    return {};
  }

  /** A configured voter that runs is admitted again: it is to be stopped before. */
  async removeVoter({ nodeId, directoryId, timeoutMs }: RemoveRaftVoterRequest): Promise<RemoveRaftVoterResponse> {
    await this.#inTime(timeoutMs, this.#requireQuorum().removeVoter({ id: nodeId, directoryId }));
    return {};
  }

  /** Hands the leadership of the quorum to another voter, if this node has it: before it stops. */
  async resign(timeoutMs: number): Promise<void> {
    const driver = this.#quorum?.driver;
    if (driver?.leadership.role !== 'leader' || driver.membership.voters.length < 2) return;
    await this.#inTime(timeoutMs, driver.transferLeadership());
  }

  /** Rejects what waits. The log stays open. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#term?.stop();
    this.#subscribers.close();
    this.#formed.reject(this.#unavailable());
    const alone = this.#alone?.close();
    const term = this.#term?.closed();
    // What the host waits for is rejected by the quorum's end.
    await this.#quorum?.close();
    await Promise.allSettled([alone, term]);
  }

  async #startAlone(): Promise<void> {
    const { log } = this.#options;
    let hasFailed = false;
    const fail = (error: unknown): void => {
      if (hasFailed) return;
      hasFailed = true;
      this.#options.onFailed?.(error);
    };
    // It may fail with nobody writing, as when an old snapshot cannot be removed.
    log.onOffline = fail;
    if (new QuorumStateFile(this.#environment.files, log.directory).exists()) {
      throw new MillraceError(
        'INVALID_CONFIG',
        `The metadata in ${log.directory} is that of a quorum of several voters. Alone this node would go its own way: ` +
          'start it with the same voters as before.',
      );
    }
    this.#alone = this.#newActive({
      log: new MetadataLog(log, this.#environment.clock),
      onCommitted: (image) => {
        this.#publish(image);
      },
      snapshots: {
        store: new SnapshotStore({ environment: this.#environment, directory: log.directory }),
        codec: metadataSnapshotCodec,
        everyEntries: this.#snapshotEveryRecords,
      },
      onFailed: fail,
    });
    await this.#alone.open(this.#formation());
  }

  async #startQuorum(options: Omit<QuorumOptions, 'log'>): Promise<void> {
    const { log, clusterId } = this.#options;
    const { clock, logger } = this.#environment;
    assert(options.voters.length > 0, 'a quorum has voters');
    this.#quorum = new MetadataQuorum({
      ...options,
      raft: {
        electionTimeoutMs: this.#settings['controller.quorum.election.timeout.ms'],
        heartbeatIntervalMs: this.#settings['controller.quorum.heartbeat.interval.ms'],
        ...options.raft,
      },
      log,
      environment: this.#environment,
      nodeId: this.#nodeId,
      clusterId,
      snapshotEveryRecords: this.#snapshotEveryRecords,
      onImage: (image) => {
        this.#publish(image);
      },
      onLeadership: (leadership) => {
        this.#term?.onLeadership(leadership);
      },
      onFailed: (error) => {
        this.#onFailed(error);
      },
    });
    this.#term = new TermOfOffice({
      clock,
      logger,
      quorum: this.#quorum,
      maxEntryBytes: options.raft?.maxEntryBytes ?? quorumRaftSettings.maxEntryBytes,
      image: () => this.image,
      open: (host) => this.#newActive(host),
      formation: () => this.#formation(),
      lostReason: (cause) => this.#notController(cause),
      onOpened: () => {
        this.#probeBrokers();
      },
      onFailed: (error) => {
        this.#onFailed(error);
      },
    });
    await this.#quorum.open();
  }

  /** The node that led before this one may have ended with partitions that it led. */
  #probeBrokers(): void {
    for (const { nodeId, state } of this.image.brokers.values()) {
      if (state !== 'fenced' && nodeId !== this.#nodeId) this.#options.quorum?.presence?.probe(nodeId);
    }
  }

  #onFailed(error: unknown): void {
    this.#failure = error;
    const { logger } = this.#environment;
    logger.error('This node can take no part in the quorum any more', { reason: errorMessage(error) });
    this.#formed.reject(error);
    this.#term?.onLeadership({ role: 'observer', term: 0 });
    this.#options.onFailed?.(error);
  }

  #newActive(
    host: Pick<ControllerHostOptions, 'log' | 'onCommitted' | 'snapshots' | 'base' | 'onFailed'>,
  ): ActiveController {
    const { clock, logger } = this.#environment;
    return new ActiveController({
      host: {
        ...host,
        name: 'controller',
        machine: controllerMachine({ settings: this.#settings, nodeDefaults: this.#nodeDefaults }),
        environment: { clock, logger },
        maxPending: this.#options.maxPendingCommands ?? defaultMaxPendingCommands,
        loadingCode: 'NOT_CONTROLLER',
      },
      clock,
      logger,
      settings: this.#settings,
      nodeId: this.#nodeId,
      image: () => this.image,
    });
  }

  #formation(): { clusterId: string; isExpected: boolean } {
    const { clusterId } = this.#options;
    const drawn = (): string => topicIdFromBytes(this.#environment.random.stream('cluster id').bytes(16));
    return { clusterId: clusterId ?? drawn(), isExpected: clusterId !== undefined };
  }

  /** Whether the process that is registered under the id is alive: one that was killed need not be waited for. */
  #isAlive({ sessions }: ActiveController, nodeId: number): boolean {
    const presence = this.#options.quorum?.presence;
    const registered = this.image.brokers.get(nodeId);
    if (presence === undefined || registered === undefined) return sessions.isHeard(nodeId, this.#nowMs);
    return sessions.mayLive(nodeId, this.#nowMs) && presence.isConnected(nodeId, registered.incarnationId);
  }

  get #snapshotEveryRecords(): number {
    return this.#options.snapshotEveryRecords ?? defaultSnapshotEveryRecords;
  }

  get #nowMs(): number {
    return this.#environment.clock.monotonicMs();
  }

  /** Throws when the quorum counts on a directory that this node does not have. */
  requireOwnVote(): void {
    const { quorum } = this.#options;
    if (quorum === undefined) return;
    requireVotersDirectory(this.#quorum?.membership, { nodeId: this.#nodeId, directoryId: quorum.directoryId });
  }

  #submit<Kind extends ControllerCommand['kind']>(
    command: Extract<ControllerCommand, { kind: Kind }>,
  ): Promise<ControllerReplies[Kind]> {
    const active = this.#active;
    return active?.isOpen === true && !this.#isClosed ? active.submit(command) : Promise.reject(this.#unavailable());
  }

  #read(): Promise<MetadataImage> {
    const active = this.#active;
    return active?.isOpen === true && !this.#isClosed ? active.read() : Promise.reject(this.#unavailable());
  }

  #requireActive(): ActiveController {
    if (this.#active?.isOpen !== true || this.#isClosed) throw this.#unavailable();
    return this.#active;
  }

  #requireQuorum(): RaftDriver {
    this.#requireActive();
    const driver = this.#quorum?.driver;
    if (driver !== undefined) return driver;
    throw new MillraceError('INVALID_REQUEST', `Node ${this.#nodeId} is alone: there is no quorum of controllers.`);
  }

  #unavailable(): MillraceError {
    if (this.#isClosed) return closed();
    if (this.#failure === undefined) return this.#notController(undefined);
    return new MillraceError(
      'KAFKA_STORAGE_ERROR',
      `This node can take no part in the quorum: ${errorMessage(this.#failure)}`,
      { cause: this.#failure },
    );
  }

  #notController(cause: unknown): MillraceError {
    if (this.#isClosed) return closed();
    return notController({ nodeId: this.#nodeId, leaderId: this.controllerId, address: this.leaderAddress, cause });
  }

  #inTime<Reply>(timeoutMs: number, reply: Promise<Reply>): Promise<Reply> {
    return inTime(this.#environment.clock, timeoutMs, reply);
  }

  #publish(image: MetadataImage): void {
    this.#subscribers.publish(image, (delta) => {
      this.#metrics.noteDelta(delta);
      if (image.clusterId !== undefined) this.#formed.resolve(image.clusterId);
    });
  }

  #topicIds(count: number): string[] {
    return drawTopicIds(this.#environment.random.stream('topic id'), count);
  }
}

function closed(): MillraceError {
  return new MillraceError('BROKER_NOT_AVAILABLE', 'The controller is closed.', { retriable: true });
}
