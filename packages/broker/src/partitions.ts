/**
 * The partitions this node has a replica of, kept in step with the cluster's metadata: creates, grows, reconfigures and
 * deletes logs, leads and follows, as the image changes.
 *
 * Nothing is done before the image holds the registration of this very process. Images before it are of the past: the
 * newest snapshot, then what was committed since, piece by piece. They may name this node a leader as it was before a
 * crash, and what it had then may be gone; they may give the name of a log on the disk to a topic that was deleted
 * before that one was created, or move a partition away that came back. What went between the oldest of them and the
 * first one that counts is removed, what is there now is opened.
 *
 * Changes of the image are worked off in order, one after the other; `settled` resolves when all that came so far are
 * done, so that whoever changed the metadata can answer when the partition is there. A log whose creation failed is
 * tried again by `retryFailed`; until then requests for it get the reason.
 *
 * A log is deleted only because the metadata says that it has no place here: its topic was deleted, its name belongs to
 * another topic now, its partition moved to other nodes. Never because it is not mentioned: metadata that looks empty must
 * not cost data.
 */
import { errorMessage, type Logger, type MillraceError } from '@millrace/base';
import {
  effectiveTopicConfig,
  logConfigOf,
  metadataDelta,
  type MetadataDelta,
  MetadataImage,
  type NodeDefaults,
  type TopicImage,
} from '@millrace/controller/image';
import { protocolError } from '@millrace/protocol';
import type { HostedLog, LogConfig, LogDirectory } from '@millrace/storage';
import type { PartitionHost, PartitionPolicy } from './partition/partition-host.js';
import { Partition } from './partition/partition.js';

export interface PartitionsOptions {
  readonly nodeId: number;
  /** Of this process, as it registers. */
  readonly incarnationId: string;
  readonly logDirectory: LogDirectory;
  readonly nodeDefaults: NodeDefaults;
  readonly producerIdExpirationMs: number;
  readonly host: PartitionHost;
  readonly logger: Logger;
  /** The partition may lead now, or follow, or do neither; or it is not here any more. */
  readonly onRole: (partition: Partition) => void;
}

interface HostedTopic {
  readonly partitions: (Partition | undefined)[];
  /** Why a partition that should be here is not, by index. */
  readonly failures: Map<number, unknown>;
}

type Since = Pick<MetadataDelta, 'topicsCreated' | 'topicsDeleted' | 'topicsChanged'>;

const parallelism = 8;
const namesakeRemoved = 'log of a deleted topic is removed: its name belongs to another topic';

export class Partitions {
  readonly #options: PartitionsOptions;
  readonly #topics = new Map<string, HostedTopic>();
  #image = MetadataImage.empty;
  /** Of the image that all partitions go by. */
  #position = 0;
  #takesPart = false;
  /** The first image that came. */
  #oldest: MetadataImage | undefined;
  /** Whether an image came that is of the time of this process. */
  #isCurrent = false;
  #work: Promise<void> = Promise.resolve();

  constructor(options: PartitionsOptions) {
    this.#options = options;
  }

  /** The image moved on. */
  follow(image: MetadataImage, delta: MetadataDelta): void {
    this.#image = image;
    void this.#enqueue(async () => {
      const takesPart = this.#isRegistered(image);
      const hasTurned = takesPart !== this.#takesPart;
      this.#takesPart = takesPart;
      this.#oldest ??= image;
      if (this.#isCurrent) {
        await this.#workOff(image, delta);
        if (hasTurned) await this.#adoptAll(image);
      } else if (takesPart) {
        this.#isCurrent = true;
        await this.#workOff(image, sinceTheStart(this.#oldest, image));
        this.#reportOrphans(image);
      }
      this.#position = image.position;
    });
  }

  async #workOff(image: MetadataImage, delta: Since): Promise<void> {
    for (const topic of delta.topicsDeleted) await this.#remove(topic);
    await inParallel(delta.topicsCreated, (topic) => this.#adopt(topic));
    for (const change of delta.topicsChanged) {
      await this.#removeMoved(change);
      await this.#adopt(change.after, change.configsChanged ? undefined : change.partitions);
    }
    if (delta.topicsCreated.length > 0) await this.#removeNamesakes(image);
  }

  /** All partitions go by the metadata before this offset. */
  get position(): number {
    return this.#position;
  }

  /** All changes that came so far are done. */
  settled(): Promise<void> {
    return this.#work;
  }

  /** The partition, for a request that only its leader may serve. Throws the error that the requester should get. */
  leader(topicId: string, index: number, leaderEpoch: number): Partition {
    const partition = this.replica(topicId, index);
    partition.requireLeader(leaderEpoch);
    return partition;
  }

  /** The partition, led or followed. Throws the error that the requester should get. */
  replica(topicId: string, index: number): Partition {
    const partition = this.find(topicId, index);
    if (partition === undefined) throw this.#whyMissing(topicId, index);
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

  /** Whether a log of which this node is to lead the partition has failed or hangs, and another replica could lead. */
  hasFailedLeader(): boolean {
    for (const [topicId, { partitions, failures }] of this.#topics) {
      for (const partition of partitions)
        if ((partition?.isOffline === true || partition?.isStuck === true) && partition.couldBeLedElsewhere)
          return true;
      for (const index of failures.keys()) {
        const { leader, isr } = this.#image.partition(topicId, index) ?? { leader: -1, isr: [] };
        if (this.#takesPart && leader === this.#options.nodeId && isr.length > 1) return true;
      }
    }
    return false;
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
  #reportOrphans(image: MetadataImage): void {
    const orphans = this.#options.logDirectory.orphans(
      ({ topicId, partition, topic }) => topic.startsWith('__') || image.partition(topicId, partition) !== undefined,
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
    for (const partition of this.all()) this.#closePartition(partition, reason);
    this.#topics.clear();
  }

  async #adoptAll(image: MetadataImage): Promise<void> {
    if (!this.#takesPart) {
      const reason = protocolError(
        'NOT_LEADER_OR_FOLLOWER',
        'Another process has registered with the id of this node.',
      );
      for (const partition of this.all()) {
        partition.takeNoPart(reason);
        this.#options.onRole(partition);
      }
    }
    for (const topicId of this.#topics.keys()) {
      const topic = image.topicById(topicId);
      if (topic !== undefined) await this.#adopt(topic);
    }
  }

  /** Brings the partitions of a topic to what the image says of them: all, or those with these indexes. */
  async #adopt(topic: TopicImage, indexes?: readonly number[]): Promise<void> {
    const partitions = indexes === undefined ? topic.partitions : indexes.map((index) => topic.partitions[index]);
    const here = partitions.filter((partition) => partition?.replicas.includes(this.#options.nodeId) === true);
    if (here.length === 0) return;
    const hosted = this.#hostedTopic(topic.topicId);
    const { values } = effectiveTopicConfig(topic, this.#options.nodeDefaults);
    const config = logConfigOf(values, this.#options.producerIdExpirationMs);
    const policy: PartitionPolicy = {
      durability: values.durability,
      leaderRate: limit(values['leader.replication.throttled.rate']),
      followerRate: limit(values['follower.replication.throttled.rate']),
    };
    await inParallel(here, async (assignment) => {
      if (assignment === undefined) return;
      const index = assignment.partition;
      const partition = hosted.partitions[index] ?? (await this.#open(topic, index, { config, policy }));
      if (partition === undefined) return;
      partition.log.setConfig(config);
      if (!this.#takesPart) return;
      await partition.update(assignment, policy);
      this.#options.onRole(partition);
    });
  }

  #isRegistered(image: MetadataImage): boolean {
    return image.brokers.get(this.#options.nodeId)?.incarnationId === this.#options.incarnationId;
  }

  #closePartition(partition: Partition, reason: MillraceError): void {
    partition.close(reason);
    this.#options.onRole(partition);
  }

  async #open(
    topic: TopicImage,
    index: number,
    settings: { config: LogConfig; policy: PartitionPolicy },
  ): Promise<Partition | undefined> {
    const { logDirectory, host, logger } = this.#options;
    const hosted = this.#hostedTopic(topic.topicId);
    try {
      await this.#removeNamesake(topic, index);
      const log = await logDirectory.createLog({
        topic: topic.name,
        partition: index,
        topicId: topic.topicId,
        config: settings.config,
      });
      const partition = new Partition({
        host,
        topicId: topic.topicId,
        topicName: topic.name,
        index,
        log,
        policy: settings.policy,
        highWatermark: logDirectory.highWatermark(topic.name, index),
      });
      hosted.partitions[index] = partition;
      hosted.failures.delete(index);
      return partition;
    } catch (error) {
      logger.error('partition cannot be opened', { partition: `${topic.name}-${index}`, error: errorMessage(error) });
      hosted.failures.set(index, error);
      return undefined;
    }
  }

  /** A topic of this name that was deleted while this node was away: the name is another topic's now. */
  async #removeNamesake({ name, topicId }: TopicImage, index: number): Promise<void> {
    const { logDirectory, logger } = this.#options;
    const found = logDirectory.log(name, index);
    if (found === undefined || found.topicId === topicId) return;
    logger.info(namesakeRemoved, { partition: `${name}-${index}`, topicId: found.topicId });
    await logDirectory.deleteLog({ topic: name, partition: index, topicId: found.topicId });
  }

  /** The same where this node has no replica of the topic that has the name now. */
  async #removeNamesakes(image: MetadataImage): Promise<void> {
    const { logDirectory, logger } = this.#options;
    const namesakes = logDirectory.logs().filter(({ topic, topicId }) => {
      const holder = image.topicByName(topic);
      return holder !== undefined && holder.topicId !== topicId;
    });
    await inParallel(namesakes, async ({ topic, partition, topicId }) => {
      logger.info(namesakeRemoved, { partition: `${topic}-${partition}`, topicId });
      await this.#deleteLog({ name: topic, topicId }, partition);
    });
  }

  /** Partitions that moved to other nodes. */
  async #removeMoved({ before, after, partitions }: MetadataDelta['topicsChanged'][number]): Promise<void> {
    const { nodeId } = this.#options;
    const moved = partitions.filter((index) => {
      const wasHere = before.partitions[index]?.replicas.includes(nodeId) ?? false;
      return wasHere && after.partitions[index]?.replicas.includes(nodeId) === false;
    });
    if (moved.length === 0) return;
    const hosted = this.#hostedTopic(after.topicId);
    const reason = protocolError('NOT_LEADER_OR_FOLLOWER', 'The partition moved to other nodes.');
    await inParallel(moved, async (index) => {
      const partition = hosted.partitions[index];
      hosted.partitions[index] = undefined;
      if (partition !== undefined) this.#closePartition(partition, reason);
      await this.#deleteLog(after, index);
    });
  }

  async #remove(topic: TopicImage): Promise<void> {
    const hosted = this.#topics.get(topic.topicId);
    if (hosted === undefined) {
      // Deleted while this node was down, or nothing of it was ever here.
      const logs = this.#options.logDirectory.logs().filter(({ topicId }) => topicId === topic.topicId);
      await inParallel(logs, ({ partition: index }) => this.#deleteLog(topic, index));
      return;
    }
    this.#topics.delete(topic.topicId);
    const reason = protocolError('UNKNOWN_TOPIC_ID', `Topic ${topic.name} was deleted.`);
    for (const partition of hosted.partitions) {
      if (partition !== undefined) this.#closePartition(partition, reason);
    }
    await inParallel(topic.partitions, ({ partition: index }) => this.#deleteLog(topic, index));
  }

  async #deleteLog({ name, topicId }: Pick<TopicImage, 'name' | 'topicId'>, index: number): Promise<void> {
    try {
      await this.#options.logDirectory.deleteLog({ topic: name, partition: index, topicId });
    } catch (error) {
      // It stays on the disk, where the next start reports it as nobody's.
      const facts = { partition: `${name}-${index}`, error: errorMessage(error) };
      this.#options.logger.error('log of a partition that is not here any more cannot be removed', facts);
    }
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

/** Everything that is there now, and what of the oldest image is not, or not as it was. */
function sinceTheStart(oldest: MetadataImage, image: MetadataImage): Since {
  const { topicsDeleted, topicsChanged } = metadataDelta(oldest, image);
  const { topicsCreated } = metadataDelta(MetadataImage.empty, image);
  return { topicsCreated, topicsDeleted, topicsChanged };
}

async function inParallel<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) await work(items[next++]!);
  };
  await Promise.all(Array.from({ length: Math.min(parallelism, items.length) }, worker));
}

function limit(rate: number): number | undefined {
  return rate === -1 ? undefined : rate;
}
