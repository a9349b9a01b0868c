/**
 * The data path of one node: its listeners, its partitions, and the requests that wait.
 *
 * Start: open what the metadata gives this node, bind the listeners, register with the controller under the bound
 * address, then begin to serve; clients that connect earlier wait in their sockets.
 *
 * Stop: hand the leaderships over, accept nothing, begin no further request, answer what waits (fetches with what there
 * is, produces after the sync), close the connections. The logs stay open: they belong to the log directory.
 */
import {
  type Address,
  assert,
  type Environment,
  errorMessage,
  formatAddress,
  MillraceError,
  type Timer,
} from '@millrace/base';
import type { MetadataDelta, NodeDefaults, NodeRole } from '@millrace/controller/image';
import type { NodeCredentials } from '@millrace/protocol';
import type { LogDirectory } from '@millrace/storage';
import { BrokerMetrics } from './broker-metrics.js';
import type { BrokerServices } from './broker-services.js';
import type { BrokerSettings } from './broker-settings.js';
import type { BrokerRegistration, ControllerGateway } from './controller-gateway.js';
import { GroupCoordinator } from './coordinator/group/group-coordinator.js';
import { Transactions } from './coordinator/transaction/transactions.js';
import { Dispatcher } from './dispatch.js';
import { helloHandler } from './handlers/18-hello.js';
import { writeMarkers } from './handlers/27-write-txn-markers.js';
import { dispatchTable } from './handlers/dispatch-table.js';
import { InternalListener } from './internal-listener.js';
import { BrokerListener } from './listener.js';
import { Membership } from './membership/membership.js';
import { Partitions } from './partitions.js';
import { ProducerIds } from './producer-ids.js';
import { type ReplicaState, replicaState } from './replica-state.js';
import { CatchUpGate } from './replication/catch-up-gate.js';
import { CatchUpThrottle } from './replication/catch-up-throttle.js';
import { Replication } from './replication/replication.js';
import type { AnyHandler } from './request.js';
import { DeadlineQueue } from './waiting/deadline-queue.js';

export interface BrokerOptions {
  readonly environment: Environment;
  readonly settings: BrokerSettings;
  readonly nodeId: number;
  readonly clusterId: string;
  readonly softwareVersion: string;
  readonly client: Address;
  /** Where nodes connect: one that is open already, which stays its owner's; an address for one of its own; none. */
  readonly internal: InternalListener | Address | undefined;
  readonly logDirectory: LogDirectory;
  readonly controller: ControllerGateway;
  /** What the node's configuration says of topic settings. */
  readonly nodeDefaults: NodeDefaults;
  readonly producerIdExpirationMs: number;
  readonly identity: BrokerIdentity;
  /** Drawn by this process; drawn here when left out. */
  readonly incarnationId?: string;
}

/** How the node appears in the cluster. */
export interface BrokerIdentity {
  readonly roles: readonly NodeRole[];
  readonly rack: string | null;
  readonly hostLabel: string | null;
  /** Where clients reach it; undefined: at the bound address. Port 0 stands for the bound port. */
  readonly advertised: Address | undefined;
  /** The same for nodes and the internal listener. */
  readonly advertisedInternal?: Address | undefined;
}

export class Broker {
  readonly #options: BrokerOptions;
  readonly #incarnationId: string;
  readonly #metrics: BrokerMetrics;
  readonly #services: BrokerServices;
  readonly #partitions: Partitions;
  readonly #replication: Replication;
  readonly #membership: Membership;
  readonly #groups: GroupCoordinator;
  readonly #transactions: Transactions;
  #client: BrokerListener | undefined;
  #internal: InternalListener | undefined;
  #unsubscribe: (() => void) | undefined;
  #housekeeping: Timer | undefined;
  #isStopping = false;
  #closing: Promise<void> | undefined;

  /**
   * Resolves when it serves. A controller that cannot be reached is no reason to fail: it registers as soon as it can, and
   * `problems` says so until then. Rejects with a typed error when a listener cannot be bound, or the registration is
   * refused for good.
   */
  static async open(options: BrokerOptions): Promise<Broker> {
    const broker = new Broker(options);
    try {
      await broker.#start();
    } catch (error) {
      await broker.close();
      throw error;
    }
    return broker;
  }

  private constructor(options: BrokerOptions) {
    const { environment, controller, nodeId, logDirectory, nodeDefaults, producerIdExpirationMs, settings } = options;
    const { clock, logger, random } = environment;
    const maxWaiting = settings.maxWaitingRequests;
    this.#options = options;
    this.#incarnationId =
      options.incarnationId ?? Buffer.from(random.stream('incarnation id').bytes(16)).toString('base64url');
    this.#metrics =
      options.internal instanceof InternalListener ? options.internal.metrics : new BrokerMetrics(environment.metrics);
    const credentials = (): NodeCredentials => ({
      nodeId,
      clusterId: options.clusterId,
      directoryId: logDirectory.directoryId,
      incarnationId: this.#incarnationId,
    });
    const producerIds = new ProducerIds(() =>
      controller.allocateProducerIds({ nodeId, brokerEpoch: this.brokerEpoch }),
    );
    this.#replication = new Replication({
      environment,
      settings,
      controller,
      metrics: this.#metrics.replication,
      nodeId,
      brokerEpoch: () => this.brokerEpoch,
      credentials,
      partitions: () => this.#partitions.all(),
    });
    this.#partitions = new Partitions({
      nodeId,
      incarnationId: this.#incarnationId,
      logDirectory,
      nodeDefaults,
      producerIdExpirationMs,
      host: this.#replication.partitionHost,
      logger,
      onRole: (partition) => {
        this.#replication.onRole(partition);
        this.#groups.onRole(partition);
        this.#transactions.onRole(partition);
      },
    });
    this.#groups = new GroupCoordinator({
      settings: settings.groups,
      controller,
      partitions: this.#partitions,
      clock,
      logger,
      random: random.stream('group coordinator'),
      metrics: environment.metrics,
      mayBeReplaced: () => this.#membership.mayBeReplaced,
    });
    this.#transactions = new Transactions({
      environment,
      settings: settings.transactions,
      nodeId,
      credentials,
      controller,
      partitions: this.#partitions,
      producerIds,
      mayBeReplaced: () => this.#membership.mayBeReplaced,
      writeMarkersHere: (request) => writeMarkers(this.#services, request),
    });
    this.#membership = new Membership({
      nodeId,
      clock,
      logger,
      random: random.stream('membership'),
      controller,
      registration: () => this.#registration(),
      metadataOffset: () => this.#partitions.position - 1,
      mustResign: () => this.#partitions.hasFailedLeader(),
      heartbeatMs: settings.heartbeatMs,
      sessionTimeoutMs: settings.sessionTimeoutMs,
      onSilence: () => {
        for (const partition of this.#partitions.all()) partition.giveUpCommits();
      },
    });
    this.#services = {
      nodeId,
      clusterId: options.clusterId,
      softwareVersion: options.softwareVersion,
      settings,
      clock,
      logger,
      metrics: this.#metrics,
      controller,
      partitions: this.#partitions,
      producerIds,
      groups: this.#groups,
      transactions: this.#transactions,
      produceDeadlines: new DeadlineQueue(clock, { maxWaiting }),
      fetchDeadlines: new DeadlineQueue(clock, { maxWaiting }),
      catchUp: new CatchUpGate(clock),
      catchUpThrottle: new CatchUpThrottle(),
      mayBeReplaced: () => this.#membership.mayBeReplaced,
      isStopping: () => this.#isStopping,
    };
    this.#observe();
  }

  /** As bound, with the real ports. */
  get clientAddress(): Address {
    return this.#client?.address ?? this.#options.client;
  }

  /** Of this process's registration; -1 before it. Belongs into the mark of a clean stop. */
  get brokerEpoch(): number {
    // The metadata may tell of the registration before the controller's answer to it does.
    const registered = this.#options.controller.image.brokers.get(this.#options.nodeId);
    if (registered?.incarnationId === this.#incarnationId) return registered.brokerEpoch;
    return this.#membership.brokerEpoch;
  }

  get internalAddress(): Address | undefined {
    return this.#internal?.address;
  }

  /** Why the node should not get traffic at the moment; empty when it should. */
  get problems(): readonly string[] {
    if (this.#isStopping) return ['the broker is stopping'];
    const problems: string[] = [];
    if (this.#membership.problem !== undefined) problems.push(`the broker is ${this.#membership.problem}`);
    for (const partition of this.#partitions.all()) {
      if (partition.isOffline) problems.push(`the log of ${partition.label} is offline`);
    }
    for (const { topic, partition, reason } of this.#options.logDirectory.offlinePartitions()) {
      problems.push(`the log of ${topic}-${partition} is offline: ${reason.message}`);
    }
    return problems;
  }

  /** All replicas on this node, as they are now. */
  *replicas(): Generator<ReplicaState> {
    for (const partition of this.#partitions.all()) yield replicaState(partition);
  }

  /** Calling twice waits for the same end. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #start(): Promise<void> {
    const { environment, settings, client, controller } = this.#options;
    this.#unsubscribe = controller.subscribe((image, delta) => {
      this.#partitions.follow(image, delta);
      this.#noteBrokers(delta);
    });
    const handlers = dispatchTable(this.#services);
    const dispatcher = this.#clientDispatcher(handlers);
    this.#client = await BrokerListener.open({
      environment,
      kind: 'client',
      address: client,
      settings,
      metrics: this.#metrics,
      onRequest: (connection, frame) => dispatcher.dispatch(connection, frame),
    });
    await this.#openInternal(handlers);
    await this.#register();
    this.#membership.start();
    this.#replication.start();
    this.#scheduleHousekeeping();
    this.#client.serve();
    environment.logger.info('broker serves', { client: formatAddress(this.clientAddress) });
  }

  #clientDispatcher(handlers: readonly AnyHandler[]): Dispatcher {
    const { environment, settings, clusterId, nodeId, softwareVersion } = this.#options;
    const { maxFrameBytes, maxBatchBytes } = settings;
    const dispatcher: Dispatcher = new Dispatcher({
      handlers: [
        ...handlers,
        helloHandler({
          clusterId: () => clusterId,
          nodeId,
          softwareVersion,
          maxFrameBytes,
          maxBatchBytes,
          isServed: (apiKey) => dispatcher.isServed(apiKey),
        }),
      ],
      clock: environment.clock,
      logger: environment.logger,
      metrics: this.#metrics,
    });
    return dispatcher;
  }

  async #openInternal(handlers: readonly AnyHandler[]): Promise<void> {
    const { environment, settings, internal, clusterId, nodeId, softwareVersion } = this.#options;
    if (internal === undefined) return;
    this.#internal =
      internal instanceof InternalListener
        ? internal
        : await InternalListener.open({
            environment,
            settings,
            address: internal,
            nodeId,
            softwareVersion,
            clusterId: () => clusterId,
            metrics: this.#metrics,
          });
    this.#internal.serve(handlers);
  }

  /** Becomes known under the bound address, and leader of what it may lead; later, when the controller cannot be reached. */
  async #register(): Promise<void> {
    const { logger } = this.#options.environment;
    try {
      await this.#membership.register();
      await this.#partitions.settled();
      await this.#membership.beat();
      await this.#partitions.settled();
    } catch (error) {
      const isTemporary = error instanceof MillraceError && error.retriable;
      if (!isTemporary) throw error;
      logger.info('the controller cannot be reached yet; it is tried again', { error: errorMessage(error) });
    }
  }

  #registration(): BrokerRegistration {
    const { nodeId, logDirectory, identity } = this.#options;
    const { roles, rack, hostLabel, advertised, advertisedInternal } = identity;
    const { host, port } = reachable(advertised, this.clientAddress);
    const internal = this.#internal === undefined ? undefined : reachable(advertisedInternal, this.#internal.address);
    return {
      nodeId,
      incarnationId: this.#incarnationId,
      directoryId: logDirectory.directoryId,
      cleanStopEpoch: logDirectory.cleanStop?.brokerEpoch ?? -1,
      roles,
      rack,
      hostLabel,
      host,
      port,
      ...(internal === undefined ? {} : { internalHost: internal.host, internalPort: internal.port }),
    };
  }

  #noteBrokers({ brokersChanged }: MetadataDelta): void {
    for (const { before, after } of brokersChanged) {
      const nodeId = (after ?? before)?.nodeId;
      assert(nodeId !== undefined, 'a broker that changed was there before or after');
      this.#replication.onBroker(nodeId, after);
    }
    if (brokersChanged.length > 0) void this.#partitions.settled().then(() => this.#membership.nudge());
  }

  async #close(): Promise<void> {
    const { settings, environment } = this.#options;
    if (this.#client !== undefined && this.#replication.hasOthers()) {
      await this.#membership.leave(settings.controlledShutdownMs);
    }
    this.#isStopping = true;
    this.#membership.stop();
    this.#housekeeping?.cancel();
    this.#replication.stop();
    const ownInternal = this.#internal === this.#options.internal ? undefined : this.#internal;
    await Promise.all([this.#client?.stopAccepting(), ownInternal?.stopAccepting()]);
    const drained = Promise.all([this.#client?.drain(settings.shutdownMs), ownInternal?.drain()]);
    this.#services.fetchDeadlines.expireAll();
    this.#groups.close();
    await this.#transactions.close();
    await this.#partitions.settled();
    await Promise.all([...this.#partitions.all()].map((partition) => partition.settled()));
    this.#services.produceDeadlines.expireAll();
    await drained;
    this.#unsubscribe?.();
    await this.#partitions.close();
    environment.logger.info('broker stopped', { nodeId: this.#options.nodeId });
  }

  #scheduleHousekeeping(): void {
    const { clock } = this.#options.environment;
    this.#housekeeping = clock.schedule(this.#options.settings.housekeepingMs, () => void this.#keepHouse());
  }

  async #keepHouse(): Promise<void> {
    const { logDirectory, environment } = this.#options;
    try {
      await this.#partitions.retryFailed();
      if (this.#isStopping) return;
      // Topics that do not wait for the disk are synced here, so that a power cut costs them seconds, not segments.
      for (const partition of this.#partitions.all()) partition.startSync();
      await logDirectory.housekeeping((hosted) => this.#partitions.highWatermarkOf(hosted));
    } catch (error) {
      environment.logger.error('housekeeping failed; it is tried again', { error: errorMessage(error) });
    }
    if (!this.#isStopping) this.#scheduleHousekeeping();
  }

  #observe(): void {
    const { metrics, produceDeadlines, fetchDeadlines } = this.#services;
    const { logDirectory } = this.#options;
    const count = (matches: (offline: boolean) => boolean): number => {
      let matching = 0;
      for (const { isOffline } of this.#partitions.all()) if (matches(isOffline)) matching++;
      return matching;
    };
    metrics.replication.fencedBroker.observe(() => (this.#membership.isFenced ? 1 : 0));
    metrics.pendingProduces.observe(() => produceDeadlines.size);
    metrics.pendingFetches.observe(() => fetchDeadlines.size);
    metrics.partitions.observe(() => count(() => true));
    metrics.offlinePartitions.observe(() => count((offline) => offline));
    metrics.logBytes.observe(() => logDirectory.sizeBytes);
    metrics.freeDiskBytes.observe(() => logDirectory.freeBytes);
  }
}

function reachable(advertised: Address | undefined, bound: Address): Address {
  return {
    host: advertised?.host ?? bound.host,
    port: advertised === undefined || advertised.port === 0 ? bound.port : advertised.port,
  };
}
