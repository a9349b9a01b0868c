/**
 * The topic that a coordinator keeps its state in: created when it is first asked for, on as many brokers as there are, up
 * to three. Compacted, never cut by age or size, always synced, never led by a replica that lacks something.
 */
import type { Logger } from '@millrace/base';
import type { TopicImage } from '@millrace/controller/image';
import { errorByNumber, protocolError } from '@millrace/protocol';
import type { ControllerGateway } from '../../controller-gateway.js';
import type { Partitions } from '../../partitions.js';

export interface InternalTopicSettings {
  readonly name: string;
  readonly partitions: number;
  /** -1: as many as there are brokers, up to three. */
  readonly replicationFactor: number;
  /** Brokers that have to be there first: a topic made by the first of three would have one copy for ever. */
  readonly minBrokers: number;
  readonly segmentBytes: number;
  readonly maxBatchBytes: number;
}

export interface InternalTopicOptions {
  readonly settings: InternalTopicSettings;
  readonly controller: ControllerGateway;
  readonly partitions: Pick<Partitions, 'settled'>;
  readonly logger: Logger;
}

const createTimeoutMs = 10_000;

export class InternalTopic {
  readonly #options: InternalTopicOptions;
  /** One for all who ask at the same time. */
  #creating: Promise<void> | undefined;

  constructor(options: InternalTopicOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.settings.name;
  }

  /** Undefined while it does not exist, as far as this node knows. */
  get image(): TopicImage | undefined {
    return this.#options.controller.image.topicByName(this.name);
  }

  /** Creates it where it does not exist. Rejects with `COORDINATOR_NOT_AVAILABLE` when that cannot be done now. */
  async ensure(): Promise<TopicImage> {
    if (this.image === undefined) {
      this.#creating ??= this.#create().finally(() => {
        this.#creating = undefined;
      });
      await this.#creating;
    }
    const { image } = this;
    if (image !== undefined) return image;
    throw protocolError('COORDINATOR_NOT_AVAILABLE', `This node does not know of topic ${this.name} yet: try again.`);
  }

  async #create(): Promise<void> {
    const { settings, controller, partitions, logger } = this.#options;
    const { name, replicationFactor, minBrokers, segmentBytes, maxBatchBytes } = settings;
    const brokers = [...controller.image.brokers.values()].filter(({ roles }) => roles.includes('broker')).length;
    if (brokers < minBrokers) {
      throw protocolError(
        'COORDINATOR_NOT_AVAILABLE',
        `Topic ${name} is created when ${minBrokers} brokers have registered; ${brokers} have.`,
      );
    }
    const configs = [
      { key: 'cleanup.policy', value: 'compact' },
      { key: 'durability', value: 'fsync' },
      { key: 'max.message.bytes', value: String(maxBatchBytes) },
      { key: 'message.timestamp.type', value: 'CreateTime' },
      { key: 'segment.bytes', value: String(segmentBytes) },
      { key: 'unclean.leader.election.enable', value: 'false' },
    ];
    const { topics } = await controller.createTopics({
      topics: [{ name, partitions: settings.partitions, replicationFactor, configs }],
      timeoutMs: createTimeoutMs,
      validateOnly: false,
    });
    const [{ error, message } = { error: 0, message: null }] = topics;
    const code = errorByNumber(error)?.name;
    if (error !== 0 && code !== 'TOPIC_ALREADY_EXISTS') {
      throw protocolError('COORDINATOR_NOT_AVAILABLE', `Topic ${name} cannot be created: ${message ?? code ?? error}`);
    }
    if (error === 0) logger.info('internal topic created', { topic: name, partitions: settings.partitions });
    await partitions.settled();
  }
}
