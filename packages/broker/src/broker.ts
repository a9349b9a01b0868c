/**
 * The data path of one node: its listeners, its partitions, and the requests that wait.
 *
 * Start: open what the metadata gives this node, bind the listeners, register with the controller under the bound
 * address, then begin to serve; who connects earlier waits in its socket.
 *
 * Stop: accept nothing, begin no further request, answer what waits (fetches with what there is, produces after the
 * sync), close the connections. The logs stay open: they belong to the log directory.
 */
import { type Address, type Environment, errorMessage, formatAddress, type Timer } from '@millrace/base';
import type { NodeDefaults, NodeRole } from '@millrace/controller/image';
import type { LogDirectory } from '@millrace/storage';
import { BrokerMetrics } from './broker-metrics.js';
import type { BrokerServices } from './broker-services.js';
import type { BrokerSettings } from './broker-settings.js';
import type { ControllerGateway } from './controller-gateway.js';
import { Dispatcher } from './dispatch.js';
import { dispatchTable } from './handlers/dispatch-table.js';
import { BrokerListener } from './listener.js';
import { SyncSchedule } from './partition/sync-schedule.js';
import { Partitions } from './partitions.js';
import { ProducerIds } from './producer-ids.js';
import { DeadlineQueue } from './waiting/deadline-queue.js';

export interface BrokerOptions {
  readonly environment: Environment;
  readonly settings: BrokerSettings;
  readonly nodeId: number;
  readonly clusterId: string;
  readonly softwareVersion: string;
  readonly client: Address;
  readonly internal: Address | undefined;
  readonly logDirectory: LogDirectory;
  readonly controller: ControllerGateway;
  /** What the node's configuration says of topic settings. */
  readonly nodeDefaults: NodeDefaults;
  readonly producerIdExpirationMs: number;
  readonly identity: BrokerIdentity;
}

/** How the node appears in the cluster. */
export interface BrokerIdentity {
  readonly roles: readonly NodeRole[];
  readonly rack: string | null;
  readonly hostLabel: string | null;
  /** Where clients reach it; undefined: at the bound address. Port 0 stands for the bound port. */
  readonly advertised: Address | undefined;
}

export class Broker {
  readonly #options: BrokerOptions;
  readonly #services: BrokerServices;
  readonly #partitions: Partitions;
  readonly #listeners: BrokerListener[] = [];
  #unsubscribe: (() => void) | undefined;
  #brokerEpoch = -1;
  #housekeeping: Timer | undefined;
  #isStopping = false;
  #closing: Promise<void> | undefined;

  /** Rejects with a typed error when a listener cannot be bound. */
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
    const { environment, controller, nodeId, logDirectory, nodeDefaults, producerIdExpirationMs } = options;
    const { clock, logger } = environment;
    const maxWaiting = options.settings.maxWaitingRequests;
    this.#options = options;
    this.#partitions = new Partitions({
      nodeId,
      logDirectory,
      nodeDefaults,
      producerIdExpirationMs,
      syncs: new SyncSchedule(clock),
      logger,
    });
    this.#services = {
      nodeId,
      clusterId: options.clusterId,
      softwareVersion: options.softwareVersion,
      settings: options.settings,
      clock,
      logger,
      metrics: new BrokerMetrics(environment.metrics),
      controller,
      partitions: this.#partitions,
      producerIds: new ProducerIds(() => controller.allocateProducerIds({ nodeId, brokerEpoch: this.#brokerEpoch })),
      produceDeadlines: new DeadlineQueue(clock, { maxWaiting }),
      fetchDeadlines: new DeadlineQueue(clock, { maxWaiting }),
      isStopping: () => this.#isStopping,
    };
    this.#observe();
  }

  /** As bound, with the real ports. */
  get clientAddress(): Address {
    return this.#listeners[0]?.address ?? this.#options.client;
  }

  /** Of this process's registration; -1 before it. Belongs into the mark of a clean stop. */
  get brokerEpoch(): number {
    return this.#brokerEpoch;
  }

  get internalAddress(): Address | undefined {
    return this.#listeners[1]?.address;
  }

  /** Why the node should not get traffic at the moment; empty when it should. */
  get problems(): readonly string[] {
    if (this.#isStopping) return ['the broker is stopping'];
    const problems: string[] = [];
    for (const partition of this.#partitions.all()) {
      if (partition.isOffline) problems.push(`the log of ${partition.label} is offline`);
    }
    for (const { topic, partition, reason } of this.#options.logDirectory.offlinePartitions()) {
      problems.push(`the log of ${topic}-${partition} is offline: ${reason.message}`);
    }
    return problems;
  }

  /** Calling twice waits for the same end. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #start(): Promise<void> {
    const { environment, settings, client, internal, controller } = this.#options;
    this.#unsubscribe = controller.subscribe((image, delta) => this.#partitions.follow(image, delta));
    await this.#partitions.settled();
    this.#partitions.reportOrphans();
    const { metrics } = this.#services;
    const dispatcher = new Dispatcher({
      handlers: dispatchTable(this.#services),
      clock: environment.clock,
      logger: environment.logger,
      metrics,
    });
    for (const [kind, address] of [
      ['client', client],
      ['internal', internal],
    ] as const) {
      if (address === undefined) continue;
      const listener = await BrokerListener.open({
        environment,
        kind,
        address,
        settings,
        metrics,
        onRequest: (connection, frame) => dispatcher.dispatch(connection, frame),
      });
      this.#listeners.push(listener);
    }
    await this.#register();
    this.#scheduleHousekeeping();
    for (const listener of this.#listeners) listener.serve();
    environment.logger.info('broker serves', { client: formatAddress(this.clientAddress) });
  }

  /** Becomes known under the bound address, and leader of what it may lead. */
  async #register(): Promise<void> {
    const { nodeId, controller, logDirectory, identity, environment } = this.#options;
    const { roles, rack, hostLabel, advertised } = identity;
    const bound = this.clientAddress;
    const incarnationId = Buffer.from(environment.random.stream('incarnation id').bytes(16)).toString('base64url');
    const { brokerEpoch } = await controller.registerBroker({
      nodeId,
      incarnationId,
      directoryId: logDirectory.directoryId,
      cleanStopEpoch: logDirectory.cleanStop?.brokerEpoch ?? -1,
      roles,
      rack,
      hostLabel,
      host: advertised?.host ?? bound.host,
      port: advertised === undefined || advertised.port === 0 ? bound.port : advertised.port,
    });
    this.#brokerEpoch = brokerEpoch;
    await this.#partitions.settled();
    const metadataOffset = controller.image.position - 1;
    await controller.heartbeat({ nodeId, brokerEpoch, metadataOffset, wantFence: false, wantShutdown: false });
    await this.#partitions.settled();
  }

  async #close(): Promise<void> {
    const { settings, environment } = this.#options;
    this.#isStopping = true;
    this.#housekeeping?.cancel();
    await Promise.all(this.#listeners.map((listener) => listener.stopAccepting()));
    const drained = this.#listeners.map((listener) => listener.drain(settings.shutdownMs));
    this.#services.fetchDeadlines.expireAll();
    await this.#partitions.settled();
    await Promise.all([...this.#partitions.all()].map((partition) => partition.settled()));
    this.#services.produceDeadlines.expireAll();
    await Promise.all(drained);
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
    metrics.pendingProduces.observe(() => produceDeadlines.size);
    metrics.pendingFetches.observe(() => fetchDeadlines.size);
    metrics.partitions.observe(() => count(() => true));
    metrics.offlinePartitions.observe(() => count((offline) => offline));
    metrics.logBytes.observe(() => logDirectory.sizeBytes);
    metrics.freeDiskBytes.observe(() => logDirectory.freeBytes);
  }
}
