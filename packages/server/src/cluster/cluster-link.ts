/**
 * How a node takes part in a cluster of several: channels to the others, the internal listener, its replica of the
 * controller quorum, and the way to whichever node leads that.
 *
 *     opening -> joining: until there is a cluster and this node has read of it -> joined -> closed
 *                  \-> failed: the disk failed, or the node is not who it says
 */
import {
  type Address,
  completion,
  type Environment,
  errorMessage,
  MillraceError,
  offAbort,
  onAbort,
  sleep,
} from '@millrace/base';
import { type Broker, InternalListener, NodeChannels } from '@millrace/broker';
import { Controller, type ControllerOptions } from '@millrace/controller';
import type { LogDirectory } from '@millrace/storage';
import type { NodeConfig } from '../settings/node-config.js';
import { softwareVersion } from '../software-version.js';
import { ClusterCheck } from './cluster-check.js';
import { ClusterGateway } from './cluster-gateway.js';
import { JoinRefusals } from './join-refusals.js';
import { NetworkRaftTransport } from './network-raft-transport.js';
import { NodeWatch } from './node-watch.js';
import { PeerAddresses } from './peer-addresses.js';
import { quorumHandlers } from './quorum-handlers.js';

export interface ClusterLinkOptions {
  readonly controllerOptions: ControllerOptions;
  readonly config: NodeConfig;
  readonly logDirectory: LogDirectory;
}

interface Opened {
  readonly channels: NodeChannels;
  readonly internal: InternalListener;
  readonly controller: Controller;
  readonly watch: NodeWatch;
  readonly refusals: JoinRefusals;
}

const requestTimeoutMs = 10_000;
const registeredCheckMs = 50;
const minRegisterMs = 10_000;

export class ClusterLink {
  readonly incarnationId: string;
  readonly internal: InternalListener;
  readonly gateway: ClusterGateway;
  /** Resolves, if ever, with why this node can take no part any more. */
  readonly failed: Promise<unknown>;
  readonly #environment: Environment;
  readonly #options: ClusterLinkOptions;
  readonly #opened: Opened;
  #failure: { readonly reason: unknown } | undefined;

  /** Waits for other nodes when the directory may be another cluster's, and rejects when it is. */
  static async open(
    environment: Environment,
    options: ClusterLinkOptions,
    signal: AbortSignal | undefined,
  ): Promise<ClusterLink> {
    const { controllerOptions, config, logDirectory } = options;
    const { nodeId, voters, broker: settings } = config;
    const { directoryId } = logDirectory;
    const incarnationId = Buffer.from(environment.random.stream('incarnation id').bytes(16)).toString('base64url');
    const failed = completion<unknown>();
    const made: { controller?: Controller } = {};
    const clusterId = (): string | null => made.controller?.clusterId || logDirectory.clusterId || null;
    const peers = new PeerAddresses({ voters, image: () => made.controller?.image });
    const refusals = new JoinRefusals({ clock: environment.clock, patienceMs: patienceMs(config) });
    const channels = new NodeChannels({
      environment,
      credentials: () => ({
        nodeId,
        clusterId: clusterId(),
        directoryId,
        incarnationId,
        voterIds: voters.map(({ id }) => id),
        ...(peers.isVoter(nodeId) ? {} : { internal: internalAddress(config, internal) }),
      }),
      addressOf: (other) => peers.addressOf(other),
      onReach: (other, reach, refusal, otherClusterId) => {
        check.noteReach(other, reach, { refusal, clusterId: otherClusterId });
        refusals.noteReach(other, reach, refusal);
        watch.noteReach(other, reach);
      },
    });
    const check: ClusterCheck = new ClusterCheck({
      clock: environment.clock,
      clusterId,
      dataDir: config.dataDir,
      connect: (other) => channels.wake(other),
      patienceMs: patienceMs(config),
    });
    const watch: NodeWatch = new NodeWatch({
      clock: environment.clock,
      connect: (other) => channels.wake(other),
      isConnected: (other) => internal.isConnected(other),
      onGone: (other) => made.controller?.noteGone(other),
    });
    const transport = new NetworkRaftTransport(channels);
    const internal = await InternalListener.open({
      environment,
      settings,
      address: config.internal ?? { host: '', port: 0 },
      nodeId,
      softwareVersion,
      clusterId,
      voterIds: voters.map(({ id }) => id),
      onPeer: (node) => {
        peers.note(node);
        channels.hurry(node.nodeId);
      },
      onPeerLost: (other) => watch.look(other),
    });
    try {
      internal.serve(quorumHandlers(() => controllerOf(made), transport));
      const controller = await Controller.open(environment, {
        ...controllerOptions,
        quorum: {
          voters,
          directoryId,
          transport,
          presence: {
            isConnected: (other, incarnation) => internal.isConnected(other, incarnation),
            probe: (other) => watch.look(other),
          },
          requireSameCluster: (nodeIds) =>
            check.requireSame(nodeIds, (timeMs) => orAborted(sleep(environment.clock, timeMs), signal)),
        },
        onFailed: (error) => failed.resolve(error),
      });
      made.controller = controller;
      // So that a leader among them does not wait before it tries to reach this node again.
      for (const { id } of voters) if (id !== nodeId) channels.wake(id);
      return new ClusterLink(environment, options, {
        opened: { channels, internal, controller, watch, refusals },
        incarnationId,
        failed: failed.promise,
      });
    } catch (error) {
      refusals.close();
      await internal.close();
      await channels.close();
      throw error;
    }
  }

  private constructor(
    environment: Environment,
    options: ClusterLinkOptions,
    parts: { readonly opened: Opened; readonly incarnationId: string; readonly failed: Promise<unknown> },
  ) {
    const { channels, internal, controller } = parts.opened;
    this.#environment = environment;
    this.#options = options;
    this.#opened = parts.opened;
    this.incarnationId = parts.incarnationId;
    this.internal = internal;
    this.failed = parts.failed;
    void parts.failed.then((reason) => (this.#failure = { reason }));
    this.gateway = new ClusterGateway({
      nodeId: options.config.nodeId,
      controller,
      nodes: channels,
      clock: environment.clock,
      requestTimeoutMs,
      heartbeatTimeoutMs: options.config.controller['broker.session.timeout.ms'],
    });
  }

  /** The cluster's id, once there is a cluster and this node has read of it. Rejects when it cannot be part of it. */
  async joined(signal: AbortSignal | undefined): Promise<string> {
    const { clock, logger } = this.#environment;
    const { voters, nodeId } = this.#options.config;
    const { controller, refusals } = this.#opened;
    const waiting = clock.schedule(waitingLogMs, () => {
      logger.info('Waiting for the other nodes: a majority of the voters must be there', {
        nodeId,
        voters: voters.map(({ id, host, port }) => `${id}@${host}:${port}`),
      });
    });
    try {
      const clusterId = await orAborted(Promise.race([controller.formed, refusals.lasting]), signal);
      await this.#options.logDirectory.joinCluster(clusterId);
      return clusterId;
    } finally {
      waiting.cancel();
    }
  }

  /**
   * Waits until the controller has let the broker in. A node id that another live process has is refused for good; when
   * the controller cannot be reached, the node serves without, and says so in its health.
   */
  async registered(broker: Broker, signal: AbortSignal | undefined): Promise<void> {
    const { clock, logger } = this.#environment;
    const { nodeId } = this.#options.config;
    const deadlineMs = clock.monotonicMs() + patienceMs(this.#options.config);
    while (!this.#isMember && clock.monotonicMs() < deadlineMs) {
      await orAborted(sleep(clock, registeredCheckMs), signal);
      this.#requireIntact();
    }
    if (this.#isMember) return;
    const refusal = this.gateway.registrationRefusal ?? this.#opened.refusals.latest;
    if (broker.brokerEpoch === -1 && refusal !== undefined) throw refusal;
    logger.warn('This node runs and is not a working part of the cluster yet', { nodeId, problems: broker.problems });
  }

  /**
   * Waits until a controller that is no broker votes. One whose id votes with another directory has lost what it promised,
   * and is refused; one that cannot vote yet serves without, and says so in its health.
   */
  async admitted(signal: AbortSignal | undefined): Promise<void> {
    const { clock, logger } = this.#environment;
    const { nodeId } = this.#options.config;
    const { controller } = this.#opened;
    const deadlineMs = clock.monotonicMs() + patienceMs(this.#options.config);
    while (controller.vote === 'none' && clock.monotonicMs() < deadlineMs) {
      await orAborted(sleep(clock, registeredCheckMs), signal);
      this.#requireIntact();
    }
    controller.requireOwnVote();
    if (controller.vote === 'none') logger.warn('This node runs and does not vote yet', { nodeId });
  }

  /** Why a controller that is no broker is of no use at the moment; empty when it is. */
  get problems(): readonly string[] {
    const { controller } = this.#opened;
    const problems: string[] = [];
    if (controller.controllerId === -1) problems.push('no leader of the controller quorum is known');
    if (controller.vote !== 'own') problems.push('this node has no vote in the controller quorum');
    return problems;
  }

  /** A disk that failed meanwhile does not come back by waiting: the start ends, so that another can read what is there. */
  #requireIntact(): void {
    if (this.#failure !== undefined) throw this.#failure.reason;
  }

  get #isMember(): boolean {
    const registered = this.gateway.image.brokers.get(this.#options.config.nodeId);
    return registered?.incarnationId === this.incarnationId && registered.state === 'active';
  }

  /** After the broker: hands the leadership of the quorum over, then leaves it. */
  async close(): Promise<void> {
    const { controller, internal, channels, watch, refusals } = this.#opened;
    watch.close();
    refusals.close();
    try {
      await controller.resign(resignMs);
    } catch (error) {
      this.#environment.logger.warn('The quorum elects another leader by itself', { reason: errorMessage(error) });
    }
    await controller.close();
    await internal.close();
    await channels.close();
  }
}

const waitingLogMs = 2000;
/** The others elect a leader by themselves in about as much. */
const resignMs = 2000;

/** A machine that lost its power keeps its place for one session; a controller may have to be elected first. */
function patienceMs({ controller: settings }: NodeConfig): number {
  return Math.max(2 * settings['broker.session.timeout.ms'], minRegisterMs);
}

function internalAddress({ advertisedInternal }: NodeConfig, { address }: InternalListener): Address {
  if (advertisedInternal === undefined) return address;
  const { host, port } = advertisedInternal;
  return { host, port: port === 0 ? address.port : port };
}

function controllerOf({ controller }: { readonly controller?: Controller }): Controller {
  if (controller !== undefined) return controller;
  throw new MillraceError('NOT_CONTROLLER', 'This node is starting.', { retriable: true });
}

function orAborted<Value>(promise: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) abort();
    else onAbort(signal, abort);
    void promise.then(resolve, reject).finally(() => offAbort(signal, abort));
  });
}
