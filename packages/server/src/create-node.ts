/**
 * The one composition root: what a node is made of and in which order it starts and stops, in production and in the
 * simulator alike.
 *
 *     log directory -> metadata log -> controller -> broker
 *
 * Each stands on the one before. Stopping goes the other way; the log directory comes last, syncs everything and then
 * writes the mark of a clean stop.
 */
import type { Address, Environment } from '@millrace/base';
import { Broker } from '@millrace/broker';
import { Controller, metadataTopic } from '@millrace/controller';
import { defaultLogConfig, LogDirectory } from '@millrace/storage';
import type { NodeConfig } from './settings/node-config.js';
import { softwareVersion } from './software-version.js';
import { startError } from './start-error.js';

/** A running node. */
export interface MillraceNode {
  readonly nodeId: number;
  readonly clusterId: string;
  /** As bound, with the real ports. */
  readonly clientAddress: Address;
  readonly internalAddress: Address | undefined;
  /** Why the node should not get traffic at the moment; empty when it should. */
  readonly problems: readonly string[];
  /** Answers what waits, syncs all, marks a clean stop. Calling twice waits for the same end. */
  close(): Promise<void>;
}

/** Rejects with one clear error when the node cannot run as it was told to. */
export async function createNode(config: NodeConfig, environment: Environment): Promise<MillraceNode> {
  const closers: (() => Promise<void>)[] = [];
  try {
    const logDirectory = await LogDirectory.open(environment, {
      path: config.dataDir,
      nodeId: config.nodeId,
      ...(config.clusterId === undefined ? {} : { clusterId: config.clusterId }),
      config: { ...defaultLogConfig, producerIdExpirationMs: config.producerIdExpirationMs },
      lowSpaceBytes: config.lowSpaceBytes,
      maxOpenFiles: config.maxOpenFiles,
    });
    const registered: { broker?: Broker } = {};
    closers.push(() => logDirectory.close({ brokerEpoch: registered.broker?.brokerEpoch ?? -1 }));
    const log = await logDirectory.createLog({
      topic: metadataTopic.name,
      partition: metadataTopic.partition,
      topicId: metadataTopic.topicId,
      config: metadataTopic.config,
    });
    const controller = await Controller.open(environment, {
      log,
      nodeId: config.nodeId,
      settings: config.controller,
      nodeDefaults: config.nodeDefaults,
      clusterId: logDirectory.clusterId,
    });
    closers.push(() => controller.close());
    const broker = await Broker.open({
      environment,
      settings: config.broker,
      nodeId: config.nodeId,
      clusterId: controller.clusterId,
      softwareVersion,
      client: config.client,
      internal: config.internal,
      logDirectory,
      controller,
      nodeDefaults: config.nodeDefaults,
      producerIdExpirationMs: config.producerIdExpirationMs,
      identity: {
        roles: config.roles,
        rack: config.rack,
        hostLabel: config.hostLabel,
        advertised: config.advertised,
      },
    });
    registered.broker = broker;
    return new Node(config, broker, { clusterId: controller.clusterId, closers });
  } catch (error) {
    await closeAll(closers);
    throw startError(error, config);
  }
}

interface NodeParts {
  readonly clusterId: string;
  /** In order of opening. */
  readonly closers: readonly (() => Promise<void>)[];
}

class Node implements MillraceNode {
  readonly nodeId: number;
  readonly clusterId: string;
  readonly #broker: Broker;
  readonly #closers: readonly (() => Promise<void>)[];
  #closing: Promise<void> | undefined;

  constructor(config: NodeConfig, broker: Broker, parts: NodeParts) {
    this.nodeId = config.nodeId;
    this.clusterId = parts.clusterId;
    this.#broker = broker;
    this.#closers = parts.closers;
  }

  get clientAddress(): Address {
    return this.#broker.clientAddress;
  }

  get internalAddress(): Address | undefined {
    return this.#broker.internalAddress;
  }

  get problems(): readonly string[] {
    return this.#broker.problems;
  }

  close(): Promise<void> {
    this.#closing ??= closeAll([...this.#closers, () => this.#broker.close()]);
    return this.#closing;
  }
}

/** The last opened first. All are closed, whatever fails; the first failure is thrown at the end. */
async function closeAll(closers: readonly (() => Promise<void>)[]): Promise<void> {
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
