/**
 * The partitions this node serves, kept in step with the cluster's metadata: creates, grows, reconfigures and deletes
 * logs as the image changes.
 *
 * Changes of the image are worked off in order, one after the other; `settled` resolves when all that came so far are
 * done, so that whoever changed the metadata can answer when the partition is there. A log whose creation failed is
 * tried again by `retryFailed`; until then requests for it get the reason.
 *
 * A log is deleted only because a topic of its id was deleted in the metadata, never because it is not mentioned:
 * metadata that looks empty must not cost data.
 */
import { errorMessage, type Logger } from '@millrace/base';
import {
  effectiveTopicConfig,
  logConfigOf,
  type MetadataDelta,
  MetadataImage,
  type NodeDefaults,
  type TopicImage,
} from '@millrace/controller/image';
import { protocolError } from '@millrace/protocol';
import type { HostedLog, LogConfig, LogDirectory } from '@millrace/storage';
import { Partition, type PartitionPolicy } from './partition/partition.js';
import type { SyncSchedule } from './partition/sync-schedule.js';

export interface PartitionsOptions {
  readonly nodeId: number;
  readonly logDirectory: LogDirectory;
  readonly nodeDefaults: NodeDefaults;
  readonly producerIdExpirationMs: number;
  readonly syncs: SyncSchedule;
  readonly logger: Logger;
}

interface HostedTopic {
  readonly partitions: (Partition | undefined)[];
  /** Why a partition that should be here is not, by index. */
  readonly failures: Map<number, unknown>;
}

const parallelism = 8;

export class Partitions {
  readonly #options: PartitionsOptions;
  readonly #topics = new Map<string, HostedTopic>();
  #image = MetadataImage.empty;
  #work: Promise<void> = Promise.resolve();

  constructor(options: PartitionsOptions) {
    this.#options = options;
  }

  /** The image moved on. */
  follow(image: MetadataImage, delta: MetadataDelta): void {
    this.#image = image;
    void this.#enqueue(async () => {
      for (const topic of delta.topicsDeleted) await this.#remove(topic);
      await inParallel(delta.topicsCreated, (topic) => this.#adopt(topic));
      for (const { after } of delta.topicsChanged) await this.#adopt(after);
    });
  }

  /** All changes that came so far are done. */
  settled(): Promise<void> {
    return this.#work;
  }

  /** The partition, for a request that only its leader may serve. Throws the error that the requester should get. */
  leader(topicId: string, index: number, leaderEpoch: number): Partition {
    const partition = this.#topics.get(topicId)?.partitions[index];
    if (partition === undefined) throw this.#whyMissing(topicId, index);
    partition.requireLeader(leaderEpoch);
    partition.requireOnline();
    return partition;
  }

  /** Undefined when this node does not serve it. */
  find(topicId: string, index: number): Partition | undefined {
    return this.#topics.get(topicId)?.partitions[index];
  }

  *all(): Generator<Partition> {
    for (const { partitions } of this.#topics.values()) {
      for (const partition of partitions) if (partition !== undefined) yield partition;
    }
  }

  highWatermarkOf(hosted: HostedLog): number | undefined {
    return this.find(hosted.topicId, hosted.partition)?.highWatermark;
  }

  /** Tries again to create what could not be created. */
  retryFailed(): Promise<void> {
    return this.#enqueue(async () => {
      for (const [topicId, { failures }] of this.#topics) {
        const topic = this.#image.topicById(topicId);
        if (failures.size > 0 && topic !== undefined) await this.#adopt(topic);
      }
    });
  }

  /** Logs that no topic asks for: shown, and kept. */
  reportOrphans(): void {
    const orphans = this.#options.logDirectory.orphans(
      ({ topicId, partition, topic }) =>
        topic.startsWith('__') || this.#image.partition(topicId, partition) !== undefined,
    );
    for (const { topic, partition, topicId } of orphans) {
      this.#options.logger.warn('log on disk belongs to no topic of the cluster; it is kept', {
        partition: `${topic}-${partition}`,
        topicId,
      });
    }
  }

  /** Nothing is served any more; logs stay with their directory. All that was appended is synced, as far as it can be. */
  async close(): Promise<void> {
    await this.settled();
    await Promise.all([...this.all()].map((partition) => partition.settled()));
    const reason = protocolError('BROKER_SHUTTING_DOWN', 'The broker is stopping.');
    for (const partition of this.all()) partition.close(reason);
    this.#topics.clear();
  }

  /** Brings the partitions of a topic to what the image says of them. */
  async #adopt(topic: TopicImage): Promise<void> {
    const hosted = this.#hostedTopic(topic.topicId);
    const { values } = effectiveTopicConfig(topic, this.#options.nodeDefaults);
    const config = logConfigOf(values, this.#options.producerIdExpirationMs);
    const policy: PartitionPolicy = {
      durability: values.durability,
      minInSyncReplicas: values['min.insync.replicas'],
    };
    await inParallel(topic.partitions, async ({ partition: index, replicas }) => {
      if (!replicas.includes(this.#options.nodeId)) return;
      const existing = hosted.partitions[index];
      const assignment = topic.partitions[index];
      if (existing === undefined) await this.#open(topic, index, { config, policy });
      else if (assignment !== undefined) {
        existing.log.setConfig(config);
        existing.update(assignment, policy);
      }
    });
  }

  async #open(
    topic: TopicImage,
    index: number,
    settings: { config: LogConfig; policy: PartitionPolicy },
  ): Promise<void> {
    const { nodeId, logDirectory, syncs, logger } = this.#options;
    const hosted = this.#hostedTopic(topic.topicId);
    const assignment = topic.partitions[index];
    if (assignment === undefined) return;
    try {
      const log = await logDirectory.createLog({
        topic: topic.name,
        partition: index,
        topicId: topic.topicId,
        config: settings.config,
      });
      hosted.partitions[index] = new Partition({
        nodeId,
        topicId: topic.topicId,
        topicName: topic.name,
        index,
        log,
        assignment,
        policy: settings.policy,
        syncs,
        logger,
      });
      hosted.failures.delete(index);
    } catch (error) {
      logger.error('partition cannot be opened', { partition: `${topic.name}-${index}`, error: errorMessage(error) });
      hosted.failures.set(index, error);
    }
  }

  async #remove(topic: TopicImage): Promise<void> {
    const hosted = this.#topics.get(topic.topicId);
    if (hosted === undefined) return;
    this.#topics.delete(topic.topicId);
    const reason = protocolError('UNKNOWN_TOPIC_ID', `Topic ${topic.name} was deleted.`);
    for (const partition of hosted.partitions) partition?.close(reason);
    await inParallel(topic.partitions, async ({ partition: index }) => {
      try {
        await this.#options.logDirectory.deleteLog({ topic: topic.name, partition: index, topicId: topic.topicId });
      } catch (error) {
        // It stays on the disk, where the next start reports it as nobody's.
        const facts = { partition: `${topic.name}-${index}`, error: errorMessage(error) };
        this.#options.logger.error('log of a deleted topic cannot be removed', facts);
      }
    });
  }

  #hostedTopic(topicId: string): HostedTopic {
    let hosted = this.#topics.get(topicId);
    if (hosted === undefined) {
      hosted = { partitions: [], failures: new Map() };
      this.#topics.set(topicId, hosted);
    }
    return hosted;
  }

  #whyMissing(topicId: string, index: number): unknown {
    const topic = this.#image.topicById(topicId);
    if (topic === undefined) {
      return protocolError('UNKNOWN_TOPIC_ID', `This node knows no topic with id ${topicId}: refresh the metadata.`);
    }
    const assignment = topic.partitions[index];
    const label = `${topic.name}-${index}`;
    if (assignment === undefined) {
      const count = topic.partitions.length;
      return protocolError(
        'UNKNOWN_TOPIC_OR_PARTITION',
        `${label} does not exist: ${topic.name} has ${count} partitions.`,
      );
    }
    const failure = this.#topics.get(topicId)?.failures.get(index);
    if (failure !== undefined) {
      return protocolError('KAFKA_STORAGE_ERROR', `${label} cannot be opened: ${errorMessage(failure)}`, failure);
    }
    if (!assignment.replicas.includes(this.#options.nodeId)) {
      return protocolError('NOT_LEADER_OR_FOLLOWER', `This node has no replica of ${label}: refresh the metadata.`);
    }
    return protocolError('LEADER_NOT_AVAILABLE', `${label} is being opened: try again.`);
  }

  #enqueue(work: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(work).catch((error: unknown) => {
      // Each partition reports its own trouble: this is a bug, and what comes after must still be done.
      this.#options.logger.error('change of the metadata was not worked off', { error: errorMessage(error) });
    });
    return this.#work;
  }
}

async function inParallel<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) await work(items[next++]!);
  };
  await Promise.all(Array.from({ length: Math.min(parallelism, items.length) }, worker));
}
