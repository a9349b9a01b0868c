/**
 * The cluster's metadata at one position of the metadata log: an immutable value. Every node builds the same image from
 * the same log; decisions are made on it, brokers act on the difference of two of them.
 *
 * Invariants: `topics` by id and by name name the same topics; partition i of a topic is at index i;
 * a leader is in the in-sync set; in-sync set and eligible leader replicas are disjoint parts of the replicas.
 */
import { PersistentMap } from '@millrace/state-machine';

export type BrokerState = 'active' | 'fenced' | 'shutting-down';
export type NodeRole = 'controller' | 'broker';

export interface BrokerImage {
  readonly nodeId: number;
  /** One per registration; grows for ever. */
  readonly brokerEpoch: number;
  /** Chosen by a process when it starts: tells a repeated registration from a restart. */
  readonly incarnationId: string;
  /** Id of its data directory: with another one, the replicas it had are gone. */
  readonly directoryId: string;
  readonly roles: readonly NodeRole[];
  readonly rack: string | null;
  readonly hostLabel: string | null;
  /** Of its client listener. */
  readonly host: string;
  readonly port: number;
  /** Of its internal listener; null and 0 when it has none. */
  readonly internalHost: string | null;
  readonly internalPort: number;
  readonly state: BrokerState;
}

export interface PartitionImage {
  readonly partition: number;
  /** -1: none. */
  readonly leader: number;
  /** One more with each change of the leader. */
  readonly leaderEpoch: number;
  /** One more with each change of anything here. */
  readonly partitionEpoch: number;
  /** The first is the preferred leader. */
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  /** Eligible leader replicas: out of sync, but they hold all that was acknowledged. */
  readonly elr: readonly number[];
  /** Of `replicas`: being filled by a reassignment. */
  readonly adding: readonly number[];
  /** Of `replicas`: to go when all that are added are in sync. */
  readonly removing: readonly number[];
  /**
   * How many of the in-sync set must hold a record before it counts as committed: `min.insync.replicas`, never more than
   * there are copies. Leader and controller must go by the same number, or the ELR means nothing; so the controller
   * decides it and writes it down, and a change of it is a new partition epoch.
   */
  readonly minInsyncReplicas: number;
}

export interface TopicImage {
  readonly topicId: string;
  readonly name: string;
  readonly partitions: readonly PartitionImage[];
  /** Settings of this topic alone, as text. */
  readonly configs: ReadonlyMap<string, string>;
}

interface Fields {
  readonly position: number;
  readonly clusterId: string | undefined;
  readonly brokers: ReadonlyMap<number, BrokerImage>;
  readonly topicsById: PersistentMap<TopicImage>;
  /** Topic id by {@link nameKey}: one lookup finds the topic of a name and a topic that the name would collide with. */
  readonly idByNameKey: PersistentMap<string>;
  readonly partitionCount: number;
  readonly nextProducerId: number;
}

export class MetadataImage {
  readonly #fields: Fields;

  static readonly empty = new MetadataImage({
    position: 0,
    clusterId: undefined,
    brokers: new Map(),
    topicsById: PersistentMap.empty(),
    idByNameKey: PersistentMap.empty(),
    partitionCount: 0,
    nextProducerId: 0,
  });

  private constructor(fields: Fields) {
    this.#fields = fields;
  }

  /** All records of the metadata log before this offset are in the image. */
  get position(): number {
    return this.#fields.position;
  }

  /** Undefined until the cluster is formed. */
  get clusterId(): string | undefined {
    return this.#fields.clusterId;
  }

  get brokers(): ReadonlyMap<number, BrokerImage> {
    return this.#fields.brokers;
  }

  get topicCount(): number {
    return this.#fields.topicsById.size;
  }

  /** Of all topics together. */
  get partitionCount(): number {
    return this.#fields.partitionCount;
  }

  /** Smallest producer id that was never given away. */
  get nextProducerId(): number {
    return this.#fields.nextProducerId;
  }

  topicById(topicId: string): TopicImage | undefined {
    return this.#fields.topicsById.get(topicId);
  }

  topicByName(name: string): TopicImage | undefined {
    const topic = this.topicLike(name);
    return topic?.name === name ? topic : undefined;
  }

  /** The topic whose name differs at most in `.` and `_`, which metric names cannot tell apart. */
  topicLike(name: string): TopicImage | undefined {
    const topicId = this.#fields.idByNameKey.get(nameKey(name));
    return topicId === undefined ? undefined : this.#fields.topicsById.get(topicId);
  }

  /** In no useful order. */
  topics(): Iterable<TopicImage> {
    return this.#fields.topicsById.values();
  }

  topicsByName(): TopicImage[] {
    return [...this.topics()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  partition(topicId: string, partition: number): PartitionImage | undefined {
    return this.topicById(topicId)?.partitions[partition];
  }

  *topicChangesSince(
    before: MetadataImage,
  ): Generator<{ before: TopicImage | undefined; after: TopicImage | undefined }> {
    yield* this.#fields.topicsById.changesSince(before.#fields.topicsById);
  }

  withPosition(position: number): MetadataImage {
    return new MetadataImage({ ...this.#fields, position });
  }

  withClusterId(clusterId: string): MetadataImage {
    return new MetadataImage({ ...this.#fields, clusterId });
  }

  withBroker(broker: BrokerImage): MetadataImage {
    return new MetadataImage({ ...this.#fields, brokers: new Map(this.#fields.brokers).set(broker.nodeId, broker) });
  }

  withoutBroker(nodeId: number): MetadataImage {
    const brokers = new Map(this.#fields.brokers);
    brokers.delete(nodeId);
    return new MetadataImage({ ...this.#fields, brokers });
  }

  withNextProducerId(nextProducerId: number): MetadataImage {
    return new MetadataImage({ ...this.#fields, nextProducerId });
  }

  /** Adds the topic or replaces the one of the same id, whose name never changes. */
  withTopic(topic: TopicImage): MetadataImage {
    const { topicsById, idByNameKey, partitionCount } = this.#fields;
    const old = topicsById.get(topic.topicId);
    return new MetadataImage({
      ...this.#fields,
      topicsById: topicsById.with(topic.topicId, topic),
      idByNameKey: old === undefined ? idByNameKey.with(nameKey(topic.name), topic.topicId) : idByNameKey,
      partitionCount: partitionCount + topic.partitions.length - (old?.partitions.length ?? 0),
    });
  }

  withoutTopic(topic: TopicImage): MetadataImage {
    return new MetadataImage({
      ...this.#fields,
      topicsById: this.#fields.topicsById.without(topic.topicId),
      idByNameKey: this.#fields.idByNameKey.without(nameKey(topic.name)),
      partitionCount: this.#fields.partitionCount - topic.partitions.length,
    });
  }
}

function nameKey(name: string): string {
  return name.replaceAll('.', '_');
}
