/**
 * The one composition root: what a node is made of and in which order it starts and stops, in production and in the
 * simulator alike.
 *
 *     alone             log directory -> metadata log -> controller -> broker
 *     in a cluster      log directory -> metadata log -> channels, internal listener -> controller -> broker
 *     controller only   the same without a broker
 *
 * A broker that is no controller has one all the same: it only follows the metadata, and never votes.
 *
 * Each stands on the one before. Stopping goes the other way; the log directory comes last, syncs everything and then
 * writes the mark of a clean stop.
 */
import { type Address, completion, type Environment, errorMessage } from '@millrace/base';
import { Broker, type BrokerOptions, type ControllerGateway, type ReplicaState } from '@millrace/broker';
import { Controller, type ControllerOptions, metadataTopic } from '@millrace/controller';
import type { MetadataImage } from '@millrace/controller/image';
import { defaultLogConfig, LogDirectory } from '@millrace/storage';
import { ClusterLink } from './cluster/cluster-link.js';
import type { NodeConfig } from './settings/node-config.js';
import { softwareVersion } from './software-version.js';
import { startError } from './start-error.js';

/** A running node. */
export interface MillraceNode {
  readonly nodeId: number;
  readonly clusterId: string;
  /** As bound, with the real ports; clients have nothing to ask of a node that is no broker. */
  readonly clientAddress: Address | undefined;
  readonly internalAddress: Address | undefined;
  /** Why the node should not get traffic at the moment; empty when it should. */
  readonly problems: readonly string[];
  /** Resolves, if ever, with why the node cannot go on: it is to be closed then. */
  readonly failed: Promise<unknown>;
  /** The cluster's metadata as far as this node has it. */
  readonly metadata: MetadataImage;
  /** All replicas on this node as they are now, for whoever watches from outside. */
  replicas(): Iterable<ReplicaState>;
  /** Hands leaderships over, answers what waits, syncs all, marks a clean stop. Calling twice waits for the same end. */
  close(): Promise<void>;
}

export interface CreateNodeOptions {
  /** Ends the start: a node of a cluster waits for others as long as it takes. */
  readonly signal?: AbortSignal;
}

type Closer = () => Promise<void>;

/** Rejects with one clear error when the node cannot run as it was told to. */
export async function createNode(
  config: NodeConfig,
  environment: Environment,
  options: CreateNodeOptions = {},
): Promise<MillraceNode> {
  const closers: Closer[] = [];
  try {
    const logDirectory = await LogDirectory.open(environment, {
      path: config.dataDir,
      nodeId: config.nodeId,
      ...(config.clusterId === undefined ? {} : { clusterId: config.clusterId }),
      awaitsCluster: config.voters.length > 0,
      config: { ...defaultLogConfig, producerIdExpirationMs: config.producerIdExpirationMs },
      lowSpaceBytes: config.lowSpaceBytes,
      maxOpenFiles: config.maxOpenFiles,
      memory: config.logMemory,
    });
    const registered: { broker?: Broker } = {};
    closers.push(() => logDirectory.close({ brokerEpoch: registered.broker?.brokerEpoch ?? -1 }));
    const log = await logDirectory.createLog({
      topic: metadataTopic.name,
      partition: metadataTopic.partition,
      topicId: metadataTopic.topicId,
      config: metadataTopic.config,
    });
    const controllerOptions: ControllerOptions = {
      log,
      nodeId: config.nodeId,
      settings: config.controller,
      nodeDefaults: config.nodeDefaults,
      ...(logDirectory.clusterId === '' ? {} : { clusterId: logDirectory.clusterId }),
    };
    const part =
      config.voters.length === 0
        ? await standAlone(environment, controllerOptions, config, closers)
        : await joinCluster(environment, { controllerOptions, config, logDirectory, closers, signal: options.signal });
    const { clusterId, controller } = part.brokerOptions;
    const { failed, link } = part;
    if (!config.roles.includes('broker')) {
      await link?.admitted(options.signal);
      return new Node(config, { clusterId, controller, closers, failed, link });
    }
    const broker = await Broker.open({
      environment,
      settings: config.broker,
      nodeId: config.nodeId,
      softwareVersion,
      client: config.client,
      logDirectory,
      nodeDefaults: config.nodeDefaults,
      producerIdExpirationMs: config.producerIdExpirationMs,
      identity: {
        roles: config.roles,
        rack: config.rack,
        hostLabel: config.hostLabel,
        advertised: config.advertised,
        advertisedInternal: config.advertisedInternal,
      },
      ...part.brokerOptions,
    });
    registered.broker = broker;
    closers.push(() => broker.close());
    await link?.registered(broker, options.signal);
    return new Node(config, { broker, clusterId, controller, closers, failed, link });
  } catch (error) {
    await closeAfter(error, closers, environment);
    throw startError(error, config);
  }
}

/** What a node's place in the world gives to its broker. */
interface NodePart {
  readonly brokerOptions: Pick<BrokerOptions, 'clusterId' | 'controller' | 'internal' | 'incarnationId'>;
  readonly failed: Promise<unknown>;
  readonly link?: ClusterLink;
}

async function standAlone(
  environment: Environment,
  controllerOptions: ControllerOptions,
  { internal }: NodeConfig,
  closers: Closer[],
): Promise<NodePart> {
  const failed = completion<unknown>();
  const controller = await Controller.open(environment, {
    ...controllerOptions,
    onFailed: (error) => failed.resolve(error),
  });
  closers.push(() => controller.close());
  const gateway: ControllerGateway = controller;
  return {
    brokerOptions: { clusterId: controller.clusterId, controller: gateway, internal },
    failed: failed.promise,
  };
}

async function joinCluster(
  environment: Environment,
  parts: {
    readonly controllerOptions: ControllerOptions;
    readonly config: NodeConfig;
    readonly logDirectory: LogDirectory;
    readonly closers: Closer[];
    readonly signal: AbortSignal | undefined;
  },
): Promise<NodePart> {
  const { controllerOptions, config, logDirectory, closers, signal } = parts;
  const link = await ClusterLink.open(environment, { controllerOptions, config, logDirectory }, signal);
  closers.push(() => link.close());
  const clusterId = await link.joined(signal);
  return {
    brokerOptions: {
      clusterId,
      controller: link.gateway,
      internal: link.internal,
      incarnationId: link.incarnationId,
    },
    failed: link.failed,
    link,
  };
}

interface NodeParts {
  readonly broker?: Broker;
  readonly link: ClusterLink | undefined;
  readonly clusterId: string;
  readonly controller: ControllerGateway;
  /** In order of opening. */
  readonly closers: readonly Closer[];
  readonly failed: Promise<unknown>;
}

class Node implements MillraceNode {
  readonly nodeId: number;
  readonly clusterId: string;
  readonly failed: Promise<unknown>;
  readonly #broker: Broker | undefined;
  readonly #link: ClusterLink | undefined;
  readonly #controller: ControllerGateway;
  readonly #closers: readonly Closer[];
  #closing: Promise<void> | undefined;

  constructor(config: NodeConfig, parts: NodeParts) {
    this.nodeId = config.nodeId;
    this.clusterId = parts.clusterId;
    this.failed = parts.failed;
    this.#broker = parts.broker;
    this.#link = parts.link;
    this.#controller = parts.controller;
    this.#closers = parts.closers;
  }

  get clientAddress(): Address | undefined {
    return this.#broker?.clientAddress;
  }

  get internalAddress(): Address | undefined {
    return this.#link?.internal.address ?? this.#broker?.internalAddress;
  }

  get problems(): readonly string[] {
    return this.#broker?.problems ?? this.#link?.problems ?? [];
  }

  get metadata(): MetadataImage {
    return this.#controller.image;
  }

  replicas(): Iterable<ReplicaState> {
    return this.#broker?.replicas() ?? [];
  }

  close(): Promise<void> {
    this.#closing ??= closeAll(this.#closers);
    return this.#closing;
  }
}

/** The last opened first. All are closed, whatever fails; the first failure is thrown at the end. */
async function closeAll(closers: readonly Closer[]): Promise<void> {
  const failures: unknown[] = [];
  for (const close of [...closers].reverse()) {
    try {
      await close();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}

/** Why the node did not start matters more than what then went wrong as well. */
async function closeAfter(reason: unknown, closers: readonly Closer[], { logger }: Environment): Promise<void> {
  try {
    await closeAll(closers);
  } catch (error) {
    logger.error('a node that did not start did not close in order', {
      reason: errorMessage(reason),
      error: errorMessage(error),
    });
  }
}
