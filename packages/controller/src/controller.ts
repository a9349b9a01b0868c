/**
 * The controller: owns the cluster's metadata and answers for it.
 *
 * A thin shell around the state machine of `controller-machine.ts`: it draws ids, keeps time, and tells subscribers.
 * Every method resolves when what it says is committed, that is, on this single voter's disk. Subscribers have seen the
 * image before the reply of the change is released, so a client that created a topic can use it at once.
 */
import { type Environment, errorMessage, MillraceError, type Timer, topicIdFromBytes } from '@millrace/base';
import type {
  CreatePartitionsRequest,
  CreatePartitionsResponse,
  CreateTopicsRequest,
  CreateTopicsResponse,
  DeleteTopicsRequest,
  DeleteTopicsResponse,
  DescribeClusterResponse,
  DescribeConfigsRequest,
  DescribeConfigsResponse,
  DescribeTopicPartitionsRequest,
  DescribeTopicPartitionsResponse,
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponse,
} from '@millrace/protocol';
import { SnapshotStore, StateMachineHost } from '@millrace/state-machine';
import { BrokerSessions } from './broker-sessions.js';
import {
  type ControllerCommand,
  controllerMachine,
  type ControllerReplies,
  type ControllerReply,
} from './controller-machine.js';
import type { ControllerSettingValues } from './controller-settings.js';
import type { AllocateProducerIdsRequest, ProducerIdBlock } from './decisions/allocate-producer-ids.js';
import type { BrokerHeartbeatReply, BrokerHeartbeatRequest } from './decisions/broker-heartbeat.js';
import type { RegisterBrokerReply, RegisterBrokerRequest } from './decisions/register-broker.js';
import type { NodeDefaults } from './image/effective-topic-config.js';
import { type MetadataDelta, metadataDelta } from './image/metadata-delta.js';
import { MetadataImage } from './image/metadata-image.js';
import type { MetadataRecord } from './image/metadata-record.js';
import { MetadataLog, type MetadataPartitionLog } from './metadata-log.js';
import { metadataSnapshotCodec } from './metadata-snapshot-codec.js';
import { describeCluster } from './queries/describe-cluster.js';
import { describeConfigs } from './queries/describe-configs.js';
import { describeTopicPartitions } from './queries/describe-topic-partitions.js';

export type ControllerEnvironment = Pick<Environment, 'clock' | 'files' | 'logger' | 'random'>;

export interface ControllerOptions {
  /** Of `metadataTopic`. Stays the caller's: closed by it, after the controller. */
  readonly log: MetadataPartitionLog & { readonly directory: string };
  readonly nodeId: number;
  readonly settings: ControllerSettingValues;
  /** What the node's configuration says of topic settings. */
  readonly nodeDefaults: NodeDefaults;
  /** Opening fails with `INCONSISTENT_CLUSTER_ID` when the metadata belongs to another; else a new cluster takes it. */
  readonly clusterId?: string;
  /** Commands that may wait for their commit. */
  readonly maxPendingCommands?: number;
  /** Records between two snapshots. */
  readonly snapshotEveryRecords?: number;
}

/** Called with each image after a change; the first time, at once, with what differs from nothing. */
export type MetadataListener = (image: MetadataImage, delta: MetadataDelta) => void;

type Host = StateMachineHost<MetadataImage, ControllerCommand, MetadataRecord, ControllerReply>;

const defaultMaxPendingCommands = 1000;
/** Less than half a second of replay. */
const defaultSnapshotEveryRecords = 20_000;

export class Controller {
  readonly #environment: ControllerEnvironment;
  readonly #nodeId: number;
  readonly #settings: ControllerSettingValues;
  readonly #nodeDefaults: NodeDefaults;
  readonly #sessions: BrokerSessions;
  readonly #listeners = new Set<MetadataListener>();
  /** What the listeners have seen. Moved by `#publish`. */
  #image: MetadataImage = MetadataImage.empty;
  #host: Host | undefined;
  #sessionTimer: Timer | undefined;
  #isClosed = false;

  /** Replays the metadata log, and forms the cluster when the log is empty. */
  static async open(environment: ControllerEnvironment, options: ControllerOptions): Promise<Controller> {
    const controller = new Controller(environment, options);
    try {
      await controller.#start(options);
    } catch (error) {
      await controller.close();
      throw error;
    }
    return controller;
  }

  private constructor(environment: ControllerEnvironment, options: ControllerOptions) {
    this.#environment = environment;
    this.#nodeId = options.nodeId;
    this.#settings = options.settings;
    this.#nodeDefaults = options.nodeDefaults;
    const nowMs = environment.clock.monotonicMs();
    this.#sessions = new BrokerSessions(options.settings['broker.session.timeout.ms'], nowMs);
  }

  /** The newest committed image. */
  get image(): MetadataImage {
    return this.#image;
  }

  /** Offset of the last metadata record in the image; -1: none. */
  get metadataOffset(): number {
    return this.#image.position - 1;
  }

  /** With one voter, this node. */
  get controllerId(): number {
    return this.#nodeId;
  }

  get clusterId(): string {
    return this.#image.clusterId ?? '';
  }

  /** Returns how to end it. */
  subscribe(listener: MetadataListener): () => void {
    this.#listeners.add(listener);
    this.#notify(listener, metadataDelta(MetadataImage.empty, this.#image));
    return () => {
      this.#listeners.delete(listener);
    };
  }

  async registerBroker(request: RegisterBrokerRequest): Promise<RegisterBrokerReply> {
    const { nodeId } = request;
    const nowMs = this.#environment.clock.monotonicMs();
    // A second process with this node's own id cannot be alive: it would hold the lock on the data directory.
    const isHeard = nodeId !== this.#nodeId && this.#sessions.isHeard(nodeId, nowMs);
    const reply = await this.#submit({ kind: 'register-broker', request, isHeard });
    this.#sessions.touch(nodeId, this.#environment.clock.monotonicMs());
    return reply;
  }

  async heartbeat(request: BrokerHeartbeatRequest): Promise<BrokerHeartbeatReply> {
    const reply = await this.#submit({ kind: 'broker-heartbeat', request });
    this.#sessions.touch(request.nodeId, this.#environment.clock.monotonicMs());
    return reply;
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
    return describeCluster(await this.#read(), this.#nodeId);
  }

  /** Writes a snapshot of the metadata, so that the next start replays nothing. */
  snapshot(): Promise<void> {
    return this.#host?.snapshot() ?? Promise.resolve();
  }

  /** Rejects what waits. The log stays open. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#sessionTimer?.cancel();
    this.#listeners.clear();
    await this.#host?.close();
  }

  async #start(options: ControllerOptions): Promise<void> {
    const { clock, logger, random } = this.#environment;
    this.#host = await StateMachineHost.open({
      name: 'controller',
      machine: controllerMachine({ settings: this.#settings, nodeDefaults: this.#nodeDefaults }),
      log: new MetadataLog(options.log, clock),
      environment: { clock, logger },
      maxPending: options.maxPendingCommands ?? defaultMaxPendingCommands,
      loadingCode: 'NOT_CONTROLLER',
      onCommitted: (image) => {
        this.#publish(image);
      },
      snapshots: {
        store: new SnapshotStore({ environment: this.#environment, directory: options.log.directory }),
        codec: metadataSnapshotCodec,
        everyEntries: options.snapshotEveryRecords ?? defaultSnapshotEveryRecords,
      },
    });
    const clusterId = options.clusterId ?? topicIdFromBytes(random.stream('cluster id').bytes(16));
    await this.#submit({ kind: 'form-cluster', clusterId, isExpected: options.clusterId !== undefined });
    this.#watchSessions();
  }

  #submit<Kind extends ControllerCommand['kind']>(
    command: Extract<ControllerCommand, { kind: Kind }>,
  ): Promise<ControllerReplies[Kind]> {
    if (this.#host === undefined || this.#isClosed) return Promise.reject(closed());
    // The machine answers each kind of command with its kind of reply: see ControllerReplies.
    return this.#host.submit(command) as Promise<ControllerReplies[Kind]>;
  }

  #read(): Promise<MetadataImage> {
    return this.#host?.read() ?? Promise.reject(closed());
  }

  /** Stops waiting after the time that the client gave; the change may still be committed later. */
  #inTime<Reply>(timeoutMs: number, reply: Promise<Reply>): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const timer = this.#environment.clock.schedule(timeoutMs, () => {
        reject(
          new MillraceError(
            'REQUEST_TIMED_OUT',
            `The change was not committed within ${timeoutMs} ms. It may still be: look before trying again.`,
            { retriable: true },
          ),
        );
      });
      void reply.then(resolve, reject).finally(() => {
        timer.cancel();
      });
    });
  }

  #publish(image: MetadataImage): void {
    const delta = metadataDelta(this.#image, image);
    this.#image = image;
    for (const listener of this.#listeners) this.#notify(listener, delta);
  }

  /** One listener that fails must not keep the image from the others, nor the reply from the client. */
  #notify(listener: MetadataListener, delta: MetadataDelta): void {
    try {
      listener(this.#image, delta);
    } catch (error) {
      this.#environment.logger.error('A listener could not take in a change of the metadata', {
        metadataOffset: this.metadataOffset,
        reason: errorMessage(error),
        error,
      });
    }
  }

  #topicIds(count: number): string[] {
    const stream = this.#environment.random.stream('topic id');
    return Array.from({ length: count }, () => {
      let topicId: string;
      // An id that begins with a dash would look like a flag on a command line.
      do topicId = topicIdFromBytes(stream.bytes(16));
      while (topicId.startsWith('-'));
      return topicId;
    });
  }

  #watchSessions(): void {
    const { clock, logger } = this.#environment;
    if (this.#isClosed) return;
    const checkMs = Math.max(1, Math.floor(this.#settings['broker.session.timeout.ms'] / 4));
    this.#sessionTimer = clock.schedule(checkMs, () => {
      const nowMs = clock.monotonicMs();
      for (const { nodeId, brokerEpoch, state } of this.#image.brokers.values()) {
        // The broker of this very process is alive as long as this code runs.
        if (state === 'fenced' || nodeId === this.#nodeId || !this.#sessions.isExpired(nodeId, nowMs)) continue;
        this.#submit({ kind: 'fence-broker', nodeId, brokerEpoch }).catch((error: unknown) => {
          logger.warn('A silent broker could not be fenced; it will be tried again', {
            nodeId,
            reason: errorMessage(error),
          });
        });
      }
      this.#watchSessions();
    });
  }
}

function closed(): MillraceError {
  return new MillraceError('BROKER_NOT_AVAILABLE', 'The controller is closed.', { retriable: true });
}
