/**
 * What this client knows of nodes, topics and leaders: the sum of the metadata replies so far.
 *
 * Replies can come from nodes that lag behind, so knowledge never goes back: within one topic id a partition's leader
 * epoch only grows and partitions only become more. A topic created again under an old name has another id and starts
 * anew; which of two ids is the newer one, and whether a topic is gone, is told by the position in the metadata log.
 */
import { errorFromWire, protocolError, type MetadataResponse } from '@millrace/protocol';

export interface PartitionMetadata {
  readonly partition: number;
  /** -1: none at the moment. */
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
}

export interface TopicMetadata {
  readonly name: string;
  readonly topicId: string;
  readonly isInternal: boolean;
  /** By partition index, without gaps. */
  readonly partitions: readonly PartitionMetadata[];
}

type TopicReply = MetadataResponse['topics'][number];

interface KnownTopic {
  readonly topic: TopicMetadata;
  readonly updatedMs: number;
  /** In the metadata log, of the newest reply that named it. */
  readonly position: number;
}

/** Topics remembered; the one that was updated longest ago is forgotten first. */
const maxTopics = 10_000;

export class MetadataCache {
  readonly #topics = new Map<string, KnownTopic>();
  readonly #names = new Map<string, string>();
  #nodes: MetadataResponse['nodes'] = [];
  #controllerId = -1;
  #clusterId: string | undefined;

  get nodes(): MetadataResponse['nodes'] {
    return this.#nodes;
  }

  /** -1: unknown. */
  get controllerId(): number {
    return this.#controllerId;
  }

  get topicNames(): readonly string[] {
    return [...this.#topics.keys()];
  }

  topic(name: string): TopicMetadata | undefined {
    return this.#topics.get(name)?.topic;
  }

  topicById(topicId: string): TopicMetadata | undefined {
    const name = this.#names.get(topicId);
    return name === undefined ? undefined : this.topic(name);
  }

  /** Monotonic time of the last reply about a topic. */
  updatedMs(name: string): number {
    return this.#topics.get(name)?.updatedMs ?? -Infinity;
  }

  /** Throws INVALID_RESPONSE, having changed nothing, when the reply contradicts itself. */
  update(reply: MetadataResponse, nowMs: number): void {
    const { clusterId, controllerId, metadataPosition, nodes } = reply;
    // Positions of two clusters cannot be compared.
    const isSame = this.#clusterId === undefined || this.#clusterId === clusterId;
    const updates = reply.topics.map((topic) =>
      this.#merge(topic, isSame ? this.#topics.get(topic.name ?? '') : undefined, metadataPosition),
    );
    if (!isSame) for (const name of [...this.#topics.keys()]) this.#forget(name);
    this.#clusterId = clusterId;
    this.#nodes = nodes;
    this.#controllerId = controllerId;
    for (const { name, topic } of updates) {
      const position = Math.max(metadataPosition, this.#topics.get(name)?.position ?? 0);
      this.#forget(name);
      if (topic === undefined) continue;
      this.#topics.set(name, { topic, updatedMs: nowMs, position });
      this.#names.set(topic.topicId, name);
    }
    for (const name of this.#topics.keys()) {
      if (this.#topics.size <= maxTopics) return;
      this.#forget(name);
    }
  }

  #forget(name: string): void {
    const topic = this.topic(name);
    if (topic === undefined) return;
    this.#topics.delete(name);
    this.#names.delete(topic.topicId);
  }

  #merge(
    reply: TopicReply,
    before: KnownTopic | undefined,
    position: number,
  ): { readonly name: string; readonly topic: TopicMetadata | undefined } {
    const name = reply.name ?? '';
    const known = before?.topic;
    const isOlder = before !== undefined && position < before.position;
    if (isOlder && reply.topicId !== known?.topicId) return { name, topic: known };
    if (reply.error !== 0 || reply.topicId === null) {
      // Only the word that the topic is gone removes it; any other error says nothing about what was known.
      const isGone = errorFromWire(reply, name)?.code === 'UNKNOWN_TOPIC_OR_PARTITION';
      return { name, topic: isGone ? undefined : known };
    }
    const sameTopic = known?.topicId === reply.topicId ? known.partitions : [];
    const partitions = inOrder(name, reply.partitions).map((partition, index) => {
      const old = sameTopic[index];
      return old !== undefined && old.leaderEpoch > partition.leaderEpoch ? old : partition;
    });
    partitions.push(...sameTopic.slice(partitions.length));
    return { name, topic: { name, topicId: reply.topicId, isInternal: reply.isInternal, partitions } };
  }
}

function inOrder(name: string, reply: TopicReply['partitions']): PartitionMetadata[] {
  const partitions = [...reply].sort((a, b) => a.partition - b.partition);
  if (partitions.some(({ partition }, index) => partition !== index)) {
    throw protocolError('INVALID_RESPONSE', `The partitions of topic ${name} in a Metadata reply are not 0 to n-1.`);
  }
  return partitions;
}
