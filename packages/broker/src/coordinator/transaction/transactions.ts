/**
 * Transactions as a whole, as far as this node takes part: what it coordinates, the markers it has others write, and the
 * door through which its own partitions let transactions in.
 */
import type { Environment } from '@millrace/base';
import {
  addPartitionsToTxnApi,
  errorFromWire,
  type NodeCredentials,
  type WriteTxnMarkersRequest,
  type WriteTxnMarkersResponse,
  writeTxnMarkersApi,
} from '@millrace/protocol';
import type { ControllerGateway } from '../../controller-gateway.js';
import { NodeChannels } from '../../node-channels.js';
import type { Partition } from '../../partition/partition.js';
import type { Partitions } from '../../partitions.js';
import type { ProducerIds } from '../../producer-ids.js';
import { MarkerSender } from './marker-sender.js';
import { TransactionAdmission } from './transaction-admission.js';
import { TransactionCoordinator } from './transaction-coordinator.js';
import type { TransactionSettings } from './transaction-settings.js';
import { TransactionVerifier } from './transaction-verifier.js';

export interface TransactionsOptions {
  readonly environment: Environment;
  readonly settings: TransactionSettings;
  readonly nodeId: number;
  readonly credentials: () => NodeCredentials;
  readonly controller: ControllerGateway;
  readonly partitions: Partitions;
  readonly producerIds: ProducerIds;
  /** Others may lead what this node thinks it leads. */
  readonly mayBeReplaced: () => boolean;
  /** To partitions that this node leads itself. */
  readonly writeMarkersHere: (request: WriteTxnMarkersRequest) => Promise<WriteTxnMarkersResponse>;
}

/**
 * The coordinator waits for a transaction that is being ended, a leader for the commit of a marker: both for less. Longer
 * than that a node that does not answer, and may lead nothing any more, should not be waited for.
 */
const callTimeoutMs = 4000;

export class Transactions {
  readonly coordinator: TransactionCoordinator;
  readonly verifier: TransactionVerifier;
  readonly admission: TransactionAdmission;
  readonly #markers: MarkerSender;
  readonly #channels: NodeChannels;

  constructor(options: TransactionsOptions) {
    const { environment, settings, nodeId, controller, partitions, producerIds, mayBeReplaced } = options;
    const { clock, logger, random, metrics } = environment;
    this.#channels = new NodeChannels({
      environment,
      credentials: options.credentials,
      addressOf: (id) => {
        const broker = controller.image.brokers.get(id);
        if (broker?.internalHost === undefined || broker.internalHost === null) return undefined;
        return { host: broker.internalHost, port: broker.internalPort };
      },
    });
    this.#markers = new MarkerSender({
      clock,
      logger,
      random: random.stream('transaction markers'),
      leaders: () => controller.image,
      write: (id, request) =>
        id === nodeId
          ? options.writeMarkersHere(request)
          : this.#channels.call(id, writeTxnMarkersApi, request, { timeoutMs: callTimeoutMs }),
    });
    this.coordinator = new TransactionCoordinator({
      settings,
      controller,
      partitions,
      producerIds,
      markers: this.#markers,
      clock,
      logger,
      random: random.stream('transaction coordinator'),
      metrics,
      mayBeReplaced,
    });
    this.verifier = new TransactionVerifier({
      clock,
      random: random.stream('transaction verifier'),
      coordinators: () => controller.image.topicByName(settings.topic.name)?.partitions.map(({ leader }) => leader),
      ask: async (id, request) => {
        if (id === nodeId) return this.coordinator.addPartitions(request);
        const reply = await this.#channels.call(id, addPartitionsToTxnApi, request, { timeoutMs: callTimeoutMs });
        const refusal = errorFromWire(reply, 'AddPartitionsToTxn');
        if (refusal !== undefined) throw refusal;
      },
    });
    this.admission = new TransactionAdmission(this.verifier);
  }

  /** The partition may lead now, or follow, or do neither. */
  onRole(partition: Partition): void {
    this.coordinator.onRole(partition);
  }

  async close(): Promise<void> {
    this.verifier.close();
    this.coordinator.close();
    this.#markers.close();
    await this.#channels.close();
  }
}
