/**
 * The listener for nodes of the cluster. It opens before everything that is reached through it: nodes must be able to
 * speak with each other to form the cluster that brokers then join. Each part adds its handlers as it comes up; until
 * then it is announced by Hello all the same, and refused with an error that says to try again.
 */
import type { Address, Environment, MillraceError } from '@millrace/base';
import { apis, isServedOn, type NodeCredentials, protocolError } from '@millrace/protocol';
import { BrokerMetrics } from './broker-metrics.js';
import type { BrokerSettings } from './broker-settings.js';
import { Dispatcher } from './dispatch.js';
import { helloHandler } from './handlers/18-hello.js';
import { pingHandler } from './handlers/1002-ping.js';
import { BrokerListener } from './listener.js';
import { peerRefusal } from './peer-admission.js';
import type { AnyHandler } from './request.js';

export interface InternalListenerOptions {
  readonly environment: Environment;
  readonly settings: BrokerSettings;
  readonly address: Address;
  readonly nodeId: number;
  readonly softwareVersion: string;
  /** Null until this node knows its cluster. */
  readonly clusterId: () => string | null;
  readonly metrics?: BrokerMetrics;
  /** Voters of the controller quorum as they are configured here; left out: this node is alone. */
  readonly voterIds?: readonly number[];
  /** A node has connected to this one and said who it is. */
  readonly onPeer?: (node: NodeCredentials) => void;
  /** A connection of that node has ended; it may have others. */
  readonly onPeerLost?: (nodeId: number) => void;
}

export class InternalListener {
  /** The broker's too: a metric is defined once. */
  readonly metrics: BrokerMetrics;
  readonly #options: InternalListenerOptions;
  readonly #dispatcher: Dispatcher;
  #listener: BrokerListener | undefined;

  /** Serves at once. Rejects with a typed error when the address cannot be bound. */
  static async open(options: InternalListenerOptions): Promise<InternalListener> {
    const opened = new InternalListener(options);
    const { environment, address, settings } = options;
    opened.#listener = await BrokerListener.open({
      environment,
      kind: 'internal',
      address,
      settings: {
        ...settings,
        maxConnections: settings.internalMaxConnections,
        maxConnectionsPerAddress: settings.internalMaxConnections,
        maxInFlightRequests: settings.internalMaxInFlightRequests,
        idleMs: settings.internalIdleMs,
        keptRequestBytes: settings.internalKeptRequestBytes,
      },
      metrics: opened.metrics,
      onRequest: (connection, frame) => opened.#dispatcher.dispatch(connection, frame),
      onClosed: ({ node }) => {
        if (node !== null) options.onPeerLost?.(node.nodeId);
      },
    });
    opened.#listener.serve();
    return opened;
  }

  private constructor(options: InternalListenerOptions) {
    const { environment, settings, nodeId, softwareVersion, clusterId } = options;
    this.#options = options;
    this.metrics = options.metrics ?? new BrokerMetrics(environment.metrics);
    const hello = helloHandler({
      clusterId,
      nodeId,
      softwareVersion,
      maxFrameBytes: settings.maxFrameBytes,
      maxBatchBytes: settings.maxBatchBytes,
      isServed: () => true,
      admit: (node) => this.#admit(node),
      onNode: options.onPeer,
    });
    this.#dispatcher = new Dispatcher({
      handlers: [hello, pingHandler()],
      clock: environment.clock,
      logger: environment.logger,
      metrics: this.metrics,
      notServed,
    });
  }

  /** As bound, with the real port. */
  get address(): Address {
    return this.#listener?.address ?? this.#options.address;
  }

  /** Whether that node is connected to this one: one process of it, where its incarnation is given. */
  isConnected(nodeId: number, incarnationId?: string): boolean {
    for (const { node } of this.#listener?.connections ?? []) {
      const isOfNode = node?.nodeId === nodeId;
      if (isOfNode && (incarnationId === undefined || node.incarnationId === incarnationId)) return true;
    }
    return false;
  }

  /** Serves these too from now on, as far as they are for nodes. */
  serve(handlers: readonly AnyHandler[]): void {
    const own = handlers.filter(({ api }) => isServedOn(api, 'internal') && !this.#dispatcher.isServed(api.key));
    this.#dispatcher.add(own);
  }

  #admit(node: NodeCredentials): void {
    const { environment, settings, nodeId, clusterId, voterIds } = this.#options;
    const nowMs = environment.clock.monotonicMs();
    const refusal = peerRefusal(node, {
      nodeId,
      clusterId: clusterId(),
      voterIds,
      connected: [...(this.#listener?.connections ?? [])].map((connection) => ({
        node: connection.node,
        quietMs: nowMs - connection.lastActivityMs,
      })),
      sessionTimeoutMs: settings.sessionTimeoutMs,
    });
    if (refusal !== undefined) throw refusal;
  }

  async stopAccepting(): Promise<void> {
    await this.#listener?.stopAccepting();
  }

  /** Lets every connection answer what it has begun, then closes it. */
  async drain(): Promise<void> {
    await this.#listener?.drain(this.#options.settings.shutdownMs);
  }

  async close(): Promise<void> {
    await this.stopAccepting();
    await this.drain();
  }
}

function notServed(apiKey: number): MillraceError {
  const api = apis.get(apiKey);
  if (api === undefined) return protocolError('UNSUPPORTED_VERSION', `There is no API with key ${apiKey}.`);
  return protocolError('BROKER_NOT_AVAILABLE', `${api.name} is not served yet: this node is starting. Try again.`);
}
