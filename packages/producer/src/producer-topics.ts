/**
 * The topics that a producer writes to: what the cluster says of them, and records that wait until it has said it.
 *
 *     unknown ──lookUp()──▶ known ──▶ kept up to date from the client's metadata, looked up again when leaders are missing
 *        └── refused: does not exist (after some patience), invalid, not allowed
 *
 * Records wait in the order in which they came, and are placed before any later one. A record for a partition that the
 * topic does not have makes its topic wait too: the partition may be so new that not every node has heard of it.
 */
import { backoffMs, errorMessage, MillraceError, sleep, type Backoff, type RandomStream } from '@millrace/base';
import { retryDecision, type ClusterClient, type TopicMetadata } from '@millrace/client';
import { protocolError } from '@millrace/protocol';
import type { PartitionBufferOptions } from './partition-buffer.js';
import { TopicBuffer } from './topic-buffer.js';
import type { WaitingRecord } from './waiting-record.js';

export interface ProducerTopicsOptions {
  readonly client: ClusterClient;
  readonly allowAutoCreate: boolean;
  readonly backoff: Backoff;
  readonly random: RandomStream;
  readonly deliveryTimeoutMs: number;
  readonly buffers: PartitionBufferOptions;
  /** The topic of these records is known now. */
  readonly place: (topic: TopicBuffer, records: readonly WaitingRecord[]) => void;
  /** These records of a topic will never be placed. */
  readonly fail: (topic: string, records: readonly WaitingRecord[], error: MillraceError) => void;
  /** A topic, or its partitions from a number on, cannot be used: what is in batches for them must fail too. */
  readonly refuse: (topic: string, error: MillraceError, firstPartition: number) => void;
  /** Something is known that was not before. */
  readonly onChange: () => void;
}

interface Topic {
  readonly buffer: TopicBuffer;
  metadata: TopicMetadata | undefined;
  /** Of the topic that its partitions' batches were numbered for. */
  topicId: string | undefined;
  waiting: WaitingRecord[];
  isLookingUp: boolean;
  /** Look-ups since all partitions had leaders: each waits longer. */
  lookUps: number;
  unknownSinceMs: number;
  /** Since when records wait for a partition that the topic does not have; -1: none does. */
  missingSinceMs: number;
}

/** A topic or a partition that was just created may not be known everywhere yet. */
const unknownTopicPatienceMs = 3000;

export class ProducerTopics {
  readonly #options: ProducerTopicsOptions;
  readonly #topics = new Map<string, Topic>();
  /** The one that was ready last: most programs write to few topics, and a look into a map costs as much as a small record. */
  #lastReady: Topic | undefined;
  readonly #closing = new AbortController();

  constructor(options: ProducerTopicsOptions) {
    this.#options = options;
  }

  /**
   * The topic when its partitions, and `partition` among them, are known and no earlier record of it waits; else looks
   * it up.
   */
  ready(name: string, partition: number | undefined): TopicBuffer | undefined {
    const topic = this.#lastReady?.buffer.name === name ? this.#lastReady : this.#topics.get(name);
    if (topic?.metadata === undefined || topic.missingSinceMs !== -1) {
      this.lookUp(name);
      return undefined;
    }
    if (partition !== undefined && partition >= topic.buffer.partitionCount) {
      topic.missingSinceMs = this.#nowMs();
      this.lookUp(name);
      return undefined;
    }
    this.#lastReady = topic;
    return topic.buffer;
  }

  wait(name: string, record: WaitingRecord): void {
    this.#topic(name).waiting.push(record);
  }

  /** Brings partitions and leaders up to date with what the client knows. */
  update(name: string): TopicMetadata | undefined {
    const topic = this.#topics.get(name);
    const metadata = this.#options.client.cachedTopic(name);
    if (topic !== undefined && metadata !== undefined && metadata !== topic.metadata) {
      if (topic.topicId !== undefined && metadata.topicId !== topic.topicId) this.#startOver(topic, metadata);
      topic.topicId = metadata.topicId;
      topic.metadata = metadata;
      topic.buffer.update(metadata.partitions.map(({ leader }) => leader));
    }
    return metadata;
  }

  lookUp(name: string): void {
    const topic = this.#topic(name);
    if (topic.isLookingUp || this.#closing.signal.aborted) return;
    topic.isLookingUp = true;
    void this.#run(topic).finally(() => {
      topic.isLookingUp = false;
    });
  }

  /** Fails records that waited too long. Returns when the next one will have, Infinity when none waits. */
  expire(nowMs: number): number {
    let nextMs = Infinity;
    for (const topic of this.#topics.values()) {
      const { waiting, buffer } = topic;
      const first = waiting[0];
      if (first === undefined) continue;
      if (nowMs < first.deadlineMs) {
        nextMs = Math.min(nextMs, first.deadlineMs);
        continue;
      }
      const index = waiting.findIndex(({ deadlineMs }) => nowMs < deadlineMs);
      const expired = waiting.splice(0, index === -1 ? waiting.length : index);
      const error = new MillraceError(
        'REQUEST_TIMED_OUT',
        `${expired.length} records for ${buffer.name} were not sent within ${this.#options.deliveryTimeoutMs} ms ` +
          `(deliveryTimeoutMs): the topic could not be looked up.`,
        { retriable: true },
      );
      this.#options.fail(buffer.name, expired, error);
      nextMs = Math.min(nextMs, waiting[0]?.deadlineMs ?? Infinity);
    }
    return nextMs;
  }

  /** Ends look-ups and fails what still waits. */
  close(error: MillraceError): void {
    this.#closing.abort(error);
    this.failAll(error);
  }

  /** Fails what waits for its topic to be known. */
  failAll(error: MillraceError): void {
    for (const topic of this.#topics.values()) this.#failWaiting(topic, error);
  }

  #topic(name: string): Topic {
    let topic = this.#topics.get(name);
    if (topic === undefined) {
      const buffer = new TopicBuffer(name, this.#options.buffers);
      topic = {
        buffer,
        metadata: undefined,
        topicId: undefined,
        waiting: [],
        isLookingUp: false,
        lookUps: 0,
        unknownSinceMs: -1,
        missingSinceMs: -1,
      };
      this.#topics.set(name, topic);
    }
    return topic;
  }

  /** One look-up, repeated while it fails for reasons that may pass. Never rejects. */
  async #run(topic: Topic): Promise<void> {
    const { client, backoff, random } = this.#options;
    const { signal } = this.#closing;
    const { clock, logger } = client.environment;
    for (;;) {
      try {
        if (topic.lookUps++ > 0) await sleep(clock, backoffMs(topic.lookUps - 1, backoff, random), signal);
        await this.#request(topic);
        if (this.#isAwaitingPartition(topic)) continue;
        this.#adopt(topic);
        return;
      } catch (error) {
        if (signal.aborted) return;
        const refusal = this.#refusal(topic, error);
        if (refusal !== undefined) {
          this.#refuse(topic, refusal);
          return;
        }
        logger.debug('topic look-up failed', { topic: topic.buffer.name, error: errorMessage(error) });
      }
    }
  }

  async #request(topic: Topic): Promise<void> {
    const { client, allowAutoCreate } = this.#options;
    const { signal } = this.#closing;
    const { name } = topic.buffer;
    if (client.cachedTopic(name) === undefined) await client.topic(name, { allowAutoCreate, signal });
    else if (topic.metadata !== undefined) await client.refresh([name], { signal });
  }

  /** Whether the newest answer lacks a partition that records wait for, and patience is left. */
  #isAwaitingPartition(topic: Topic): boolean {
    this.update(topic.buffer.name);
    const { partitionCount } = topic.buffer;
    const isMissing = topic.waiting.some(({ partition = 0 }) => partition >= partitionCount);
    const nowMs = this.#nowMs();
    if (isMissing && topic.missingSinceMs === -1) topic.missingSinceMs = nowMs;
    if (isMissing && nowMs - topic.missingSinceMs < unknownTopicPatienceMs) return true;
    topic.missingSinceMs = -1;
    return false;
  }

  #nowMs(): number {
    return this.#options.client.environment.clock.monotonicMs();
  }

  #adopt(topic: Topic): void {
    const metadata = this.update(topic.buffer.name);
    if (metadata === undefined) return;
    topic.unknownSinceMs = -1;
    if (metadata.partitions.every(({ leader }) => leader >= 0)) topic.lookUps = 0;
    const { waiting } = topic;
    topic.waiting = [];
    if (waiting.length > 0) this.#options.place(topic.buffer, waiting);
    this.#options.onChange();
  }

  /** The topic was deleted and created again: what has not been acknowledged goes into the new one. */
  #startOver({ buffer }: Topic, { name, partitions }: TopicMetadata): void {
    buffer.startOver();
    if (partitions.length >= buffer.partitionCount) return;
    const message = `Topic ${name} was created again, and has only ${partitions.length} partitions now.`;
    this.#options.refuse(name, protocolError('UNKNOWN_TOPIC_OR_PARTITION', message), partitions.length);
  }

  /** The error to fail the topic's records with; undefined when it is worth trying again. */
  #refusal(topic: Topic, error: unknown): MillraceError | undefined {
    if (retryDecision(error) === 'give-up') {
      if (error instanceof MillraceError) return error;
      return new MillraceError('UNKNOWN_SERVER_ERROR', errorMessage(error), { cause: error });
    }
    if (!(error instanceof MillraceError) || error.code !== 'UNKNOWN_TOPIC_OR_PARTITION') return undefined;
    const nowMs = this.#nowMs();
    if (topic.unknownSinceMs === -1) topic.unknownSinceMs = nowMs;
    return nowMs - topic.unknownSinceMs < unknownTopicPatienceMs ? undefined : error;
  }

  /** Later records look the topic up anew: it may exist by then. */
  #refuse(topic: Topic, error: MillraceError): void {
    topic.metadata = undefined;
    topic.lookUps = 0;
    topic.unknownSinceMs = -1;
    topic.missingSinceMs = -1;
    this.#failWaiting(topic, error);
    this.#options.refuse(topic.buffer.name, error, 0);
  }

  #failWaiting(topic: Topic, error: MillraceError): void {
    const { waiting } = topic;
    topic.waiting = [];
    if (waiting.length > 0) this.#options.fail(topic.buffer.name, waiting, error);
  }
}
