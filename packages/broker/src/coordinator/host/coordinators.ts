/**
 * A coordinator of a cluster, as far as this node is it: one state machine in each partition of its topic that this node
 * leads. Any kind of coordinator is hosted so; what it decides is its machine's business.
 */
import { type Clock, errorMessage, type Logger, MillraceError, type RandomStream } from '@millrace/base';
import { protocolError } from '@millrace/protocol';
import type { ControllerGateway } from '../../controller-gateway.js';
import type { Leadership } from '../../partition/leadership.js';
import type { Partition } from '../../partition/partition.js';
import type { Partitions } from '../../partitions.js';
import { type CoordinatorMachine, type CoordinatorObserver, CoordinatorPartition } from './coordinator-partition.js';
import { InternalTopic, type InternalTopicSettings } from './internal-topic.js';
import { keyPartition } from './key-partition.js';

export interface CoordinatorsOptions<State, Command, Entry, Reply> {
  readonly coordinator: CoordinatorMachine<State, Command, Entry, Reply>;
  readonly topic: InternalTopicSettings;
  readonly controller: ControllerGateway;
  readonly partitions: Partitions;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: RandomStream;
  /** Commands of one partition that may wait for their commit. */
  readonly maxPending: number;
  /** Others may lead what this node thinks it leads. */
  readonly mayBeReplaced: () => boolean;
  /** Made once for each leadership of a partition. */
  readonly observe: (index: number, leadership: Leadership) => CoordinatorObserver<State, Entry>;
}

/** Where clients find the coordinator of a key. */
export interface CoordinatorAddress {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
}

export class Coordinators<State, Command extends { readonly kind: string }, Entry, Reply> {
  readonly #options: CoordinatorsOptions<State, Command, Entry, Reply>;
  readonly #topic: InternalTopic;
  /** Led here, by index. */
  readonly #led = new Map<number, CoordinatorPartition<State, Command, Entry, Reply>>();
  #isClosed = false;

  constructor(options: CoordinatorsOptions<State, Command, Entry, Reply>) {
    const { controller, partitions, logger, topic: settings } = options;
    this.#options = options;
    this.#topic = new InternalTopic({ settings, controller, partitions, logger });
  }

  /** A partition of this node may have got another part: what is led begins, what is not led any more ends. */
  onRole(partition: Partition): void {
    if (partition.topicName !== this.#topic.name) return;
    const { index, leadership } = partition;
    const before = this.#led.get(index);
    if (before !== undefined && before.leadership === leadership) return;
    if (before !== undefined) {
      this.#led.delete(index);
      before.end(notCoordinator(partition.label));
    }
    if (leadership === undefined || this.#isClosed) return;
    const { coordinator, clock, logger, random, maxPending, mayBeReplaced, observe, topic } = this.#options;
    const led = new CoordinatorPartition({
      coordinator,
      observer: observe(index, leadership),
      partition,
      leadership,
      clock,
      logger,
      random,
      maxPending,
      mayBeReplaced,
      maxBatchBytes: topic.maxBatchBytes,
    });
    this.#led.set(index, led);
  }

  /** Creates the topic where it does not exist yet. */
  async find(key: string): Promise<CoordinatorAddress> {
    const topic = this.#topic.image ?? (await this.#topic.ensure());
    const index = keyPartition(key, topic.partitions.length);
    const leader = topic.partitions[index]?.leader ?? -1;
    const broker = this.#options.controller.image.brokers.get(leader);
    if (broker !== undefined) return { nodeId: leader, host: broker.host, port: broker.port };
    throw protocolError('COORDINATOR_NOT_AVAILABLE', `${topic.name}-${index} has no leader at the moment.`);
  }

  /** To the machine that looks after this key. Rejects with `NOT_COORDINATOR` where that is another node's. */
  submit(key: string, command: Command): Promise<Reply> {
    const index = this.indexOf(key);
    const led = index === undefined ? undefined : this.#led.get(index);
    if (led !== undefined) return led.submit(command);
    return Promise.reject(notCoordinator(index === undefined ? this.#topic.name : `${this.#topic.name}-${index}`));
  }

  /** To the machine of one partition. */
  submitTo(index: number, command: Command): Promise<Reply> {
    const led = this.#led.get(index);
    if (led !== undefined) return led.submit(command);
    return Promise.reject(notCoordinator(`${this.#topic.name}-${index}`));
  }

  /** As `submitTo`, for what no client waits for. False when it could not be done: whoever leads then sees to it. */
  async tend(index: number, command: Command): Promise<boolean> {
    try {
      await this.submitTo(index, command);
      return true;
    } catch (error) {
      const isExpected = error instanceof MillraceError && error.retriable;
      const facts = { command: command.kind, partition: `${this.#topic.name}-${index}`, error: errorMessage(error) };
      if (isExpected) this.#options.logger.debug('a coordinator could not do its housekeeping', facts);
      else this.#options.logger.error('a coordinator could not do its housekeeping', facts);
      return false;
    }
  }

  /** Undefined while there is no topic. */
  indexOf(key: string): number | undefined {
    const { image } = this.#topic;
    return image === undefined ? undefined : keyPartition(key, image.partitions.length);
  }

  /** Throws `NOT_COORDINATOR` where another node leads the partition; whether it is loaded is another question. */
  requireLed(index: number): void {
    if (!this.#led.has(index)) throw notCoordinator(`${this.#topic.name}-${index}`);
  }

  /** The partition that keeps this key. Throws `NOT_COORDINATOR` while there is no topic. */
  placeOf(key: string): { readonly topicId: string; readonly index: number } {
    const { image } = this.#topic;
    if (image === undefined) throw notCoordinator(this.#topic.name);
    return { topicId: image.topicId, index: keyPartition(key, image.partitions.length) };
  }

  /** All that are led here, loaded or not. */
  get led(): Iterable<readonly [index: number, partition: CoordinatorPartition<State, Command, Entry, Reply>]> {
    return this.#led;
  }

  close(): void {
    this.#isClosed = true;
    const reason = protocolError('NOT_COORDINATOR', 'The broker is stopping: find the coordinator again.');
    for (const led of this.#led.values()) led.end(reason);
    this.#led.clear();
  }
}

function notCoordinator(label: string): MillraceError {
  return protocolError('NOT_COORDINATOR', `This node does not lead ${label}: find the coordinator again.`);
}
