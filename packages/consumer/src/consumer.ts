/**
 * The consumer: reads partitions from where it was told to, and hands their records over in order.
 *
 *     node ─▶ fetcher ─▶ fetch core: chunks by partition, bounded ─▶ delivery ─▶ records(), batches(), run()
 *                ▲              │                                        │
 *                └── room ◀─────┴──────────── positions ◀────────────────┘
 *
 * Fetching goes on while the program works, up to `prefetchBytes`. One thing reads at a time: an iteration that begins
 * takes over where another stopped.
 */
import { backoffMs, MillraceError } from '@millrace/base';
import { ClusterClient, type TopicMetadata } from '@millrace/client';
import type { ConsumerBatch } from './consumer-batch.js';
import { consumerSettings, startPosition, type ConsumerOptions, type ConsumerSettings } from './consumer-options.js';
import type { Assignment, ConsumerRecord, StartPosition, TopicPartition } from './consumer-record.js';
import { Delivery } from './delivery.js';
import { endOffsets } from './end-offsets.js';
import { FetchCore } from './fetch-core.js';
import { Fetcher } from './fetcher.js';
import { ItemIterator } from './item-iterator.js';
import type { PartitionState } from './partition-state.js';
import { run, type RunOptions } from './run.js';

export interface IterationOptions {
  /** Ends the wait or the iteration, which throws the signal's reason. */
  readonly signal?: AbortSignal;
}

/** How far a consumer is from the end of a partition. */
export interface PartitionLag extends TopicPartition {
  /** Next offset that the program will get; -1 while it is not known yet. */
  readonly position: number;
  readonly endOffset: number;
  /** Offsets between the two; -1 while the position is not known. */
  readonly lag: number;
}

export class Consumer<Key = Uint8Array | null, Value = Uint8Array | null> implements AsyncIterable<
  ConsumerRecord<Key, Value>
> {
  readonly #settings: ConsumerSettings;
  readonly #client: ClusterClient;
  readonly #core: FetchCore;
  readonly #fetcher: Fetcher;
  readonly #delivery: Delivery<Key, Value>;
  readonly #signal: AbortSignal | undefined;
  /** Topics read as a whole; undefined once partitions are assigned one by one. */
  #topics: Set<string> | undefined;
  /** Topics of which the first partitions were taken in: later ones are new, and begin at their beginning. */
  readonly #joined = new Set<string>();
  #isClosed = false;

  constructor(options: ConsumerOptions<Key, Value>) {
    const settings = consumerSettings(options);
    this.#settings = settings;
    this.#signal = options.signal;
    this.#client = new ClusterClient({
      bootstrap: options.bootstrap,
      metadataMaxAgeMs: settings.metadataMaxAgeMs,
      requestTimeoutMs: settings.requestTimeoutMs,
      ...(options.clientId === undefined ? {} : { clientId: options.clientId }),
      ...(options.environment === undefined ? {} : { environment: options.environment }),
    });
    const random = this.#client.environment.random.stream('consumer.retries');
    const backoff = { initialMs: settings.retryBackoffMs, maxMs: settings.retryBackoffMaxMs, jitter: 0.2 };
    this.#core = new FetchCore({ ...settings, backoffMs: (failures) => backoffMs(failures, backoff, random) });
    this.#delivery = new Delivery({
      core: this.#core,
      maxDecompressedBytes: settings.maxDecompressedBytes,
      deserializers: { key: options.deserializeKey, value: options.deserializeValue },
      onRoom: () => this.#fetcher.wake(),
    });
    this.#fetcher = new Fetcher({
      client: this.#client,
      settings,
      core: this.#core,
      backoff,
      random,
      onTopic: (topic) => this.#join(topic),
      onNews: () => this.#delivery.wake(),
      onTopicError: (topic, error) => this.#failTopic(topic, error),
    });
    this.#topics = options.topics === undefined ? undefined : new Set(options.topics);
    if (this.#topics === undefined) this.assign(options.assignments ?? []);
    else this.#fetcher.setTopics(this.#topics);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<ConsumerRecord<Key, Value>> {
    return this.records();
  }

  /** As iterating the consumer itself, with options. Ends when the consumer is closed. */
  records(options: IterationOptions = {}): AsyncIterableIterator<ConsumerRecord<Key, Value>> {
    this.#fetcher.start();
    return new ItemIterator<ConsumerRecord<Key, Value>>(
      {
        take: () => this.#delivery.record(),
        news: () => this.#delivery.news(),
        wake: () => this.#delivery.wake(),
        isOver: () => this.#isClosed,
        onReturn: () => this.#delivery.putBack(),
      },
      this.#signalOf(options),
    );
  }

  /** Records in the batches in which they came: to go through each without a promise per record. */
  batches(options: IterationOptions = {}): AsyncIterableIterator<ConsumerBatch<Key, Value>> {
    this.#fetcher.start();
    return new ItemIterator<ConsumerBatch<Key, Value>>(
      {
        take: () => this.#delivery.batch(),
        news: () => this.#delivery.news(),
        wake: () => this.#delivery.wake(),
        isOver: () => this.#isClosed,
        onReturn: () => undefined,
      },
      this.#signalOf(options),
    );
  }

  /**
   * Calls back for each record or batch, in order within a partition, on `concurrency` partitions at a time. Resolves
   * when the consumer is closed, rejects with the first error.
   */
  run(options: RunOptions<Key, Value>): Promise<void> {
    this.#fetcher.start();
    const signal = this.#signalOf(options);
    return run(this.#delivery, signal === undefined ? options : { ...options, signal }, () => this.#isClosed);
  }

  /**
   * Resolves when every partition is known and has its place. Whatever is written from then on is read, also with
   * `from: 'end'`. An error that keeps a partition from having one is thrown by the iteration.
   */
  async ready(options: IterationOptions = {}): Promise<void> {
    this.#fetcher.start();
    const signal = this.#signalOf(options);
    const wake = (): void => this.#delivery.wake();
    signal?.addEventListener('abort', wake, { once: true });
    try {
      while (!this.#isPlaced() && !this.#isClosed) {
        signal?.throwIfAborted();
        await this.#delivery.news();
      }
    } finally {
      signal?.removeEventListener('abort', wake);
    }
  }

  /** Reads exactly these partitions from now on. Those read already go on where they are unless `from` is given. */
  assign(assignments: readonly Assignment[]): void {
    for (const { from } of assignments) if (from !== undefined) startPosition(from);
    this.#topics = undefined;
    this.#delivery.putBack();
    const wanted = new Set<PartitionState>();
    for (const { topic, partition, from } of assignments) {
      const known = this.#core.find(topic, partition);
      if (known !== undefined && from !== undefined) known.seek(from);
      wanted.add(known ?? this.#core.add(topic, partition, from ?? this.#settings.from));
    }
    for (const state of this.#core.partitions.values()) if (!wanted.has(state)) this.#core.remove(state);
    this.#fetcher.setTopics(new Set(assignments.map(({ topic }) => topic)));
  }

  /** The partitions being read; with `topics`, those known by now. */
  assignment(): TopicPartition[] {
    return [...this.#core.partitions.values()].map(({ topic, partition }) => ({ topic, partition }));
  }

  /** Goes to another place in a partition: what was fetched and not delivered of it is dropped. */
  seek(partition: TopicPartition, to: StartPosition): void {
    this.#state(partition).seek(startPosition(to));
    this.#fetcher.wake();
  }

  /** Stops reading partitions (all when none are given). What was fetched of them is kept. */
  pause(partitions: readonly TopicPartition[] = this.assignment()): void {
    for (const partition of partitions) {
      const state = this.#state(partition);
      this.#core.pause(state, true);
      if (this.#delivery.isReading(state)) this.#delivery.putBack();
    }
  }

  resume(partitions: readonly TopicPartition[] = this.assignment()): void {
    for (const partition of partitions) this.#core.pause(this.#state(partition), false);
    this.#fetcher.wake();
    this.#delivery.wake();
  }

  /** Next offset that the program will get; undefined while it is not known yet. */
  position(partition: TopicPartition): number | undefined {
    return this.#state(partition).position;
  }

  /** Asks the leaders for the offset after the last readable record; all assigned partitions when none are given. */
  async endOffsets(
    partitions: readonly TopicPartition[] = this.assignment(),
    options: IterationOptions = {},
  ): Promise<(TopicPartition & { readonly offset: number })[]> {
    const offsets = await endOffsets(this.#client, partitions, {
      isolation: this.#settings.isolation,
      timeoutMs: this.#settings.requestTimeoutMs,
      signal: this.#signalOf(options),
    });
    return partitions.map(({ topic, partition }, index) => ({ topic, partition, offset: offsets[index] ?? -1 }));
  }

  /** How far the assigned partitions are from their ends. */
  async lag(options: IterationOptions = {}): Promise<PartitionLag[]> {
    const ends = await this.endOffsets(this.assignment(), options);
    return ends.map(({ topic, partition, offset }) => {
      const position = this.#core.find(topic, partition)?.position ?? -1;
      const lag = position === -1 ? -1 : Math.max(0, offset - position);
      return { topic, partition, position, endOffset: offset, lag };
    });
  }

  /** Ends iterations and `run`, and closes the connections. Closing twice does nothing more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#fetcher.close();
    this.#delivery.wake();
    await this.#client.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #isPlaced(): boolean {
    const areTopicsKnown = [...(this.#topics ?? [])].every((topic) => this.#joined.has(topic));
    return areTopicsKnown && [...this.#core.partitions.values()].every(({ phase }) => phase !== 'locating');
  }

  /** A topic that is read as a whole is known, or has grown. */
  #join(topic: TopicMetadata): void {
    if (this.#topics?.has(topic.name) !== true) return;
    const from = this.#joined.has(topic.name) ? 'beginning' : this.#settings.from;
    this.#joined.add(topic.name);
    for (const { partition } of topic.partitions) {
      if (this.#core.find(topic.name, partition) === undefined) this.#core.add(topic.name, partition, from);
    }
  }

  #failTopic(topic: string, error: MillraceError): void {
    const isRead = [...this.#core.partitions.values()].some((state) => state.topic === topic);
    this.#topics?.delete(topic);
    if (isRead) this.#core.failTopic(topic, error);
    else this.#delivery.addTopicError(error);
    this.#delivery.wake();
  }

  #state({ topic, partition }: TopicPartition): PartitionState {
    const state = this.#core.find(topic, partition);
    if (state !== undefined) return state;
    throw new MillraceError(
      'UNKNOWN_TOPIC_OR_PARTITION',
      `Partition ${topic}-${partition} is not assigned to this consumer (with topics: not yet known).`,
    );
  }

  #signalOf({ signal }: { readonly signal?: AbortSignal | undefined }): AbortSignal | undefined {
    if (this.#signal === undefined || signal === undefined) return signal ?? this.#signal;
    return AbortSignal.any([this.#signal, signal]);
  }
}
