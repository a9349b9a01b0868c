/**
 * The consumer: reads partitions from where it was told to, and hands their records over in order.
 *
 *     node ─▶ fetcher ─▶ fetch core: chunks by partition, bounded ─▶ delivery ─▶ records(), batches(), run()
 *                ▲              │                                        │
 *                └── room ◀─────┴──────────── positions ◀────────────────┘
 *
 * Which partitions: those of `topics`, or of `assignments`, or, in a group, those that the group's coordinator gives this
 * member. Fetching goes on while the program works, up to `prefetchBytes`. One thing reads at a time: an iteration that begins
 * takes over where another stopped.
 */
import { backoffMs, errorMessage, MillraceError, offAbort, onAbort, sleep } from '@millrace/base';
import { ClusterClient, type TopicMetadata } from '@millrace/client';
import type { ConsumerBatch } from './consumer-batch.js';
import { consumerSettings, startPosition, type ConsumerOptions, type ConsumerSettings } from './consumer-options.js';
import type { Assignment, ConsumerRecord, StartPosition, TopicPartition } from './consumer-record.js';
import { Delivery } from './delivery.js';
import { endOffsets } from './end-offsets.js';
import { FetchCore } from './fetch-core.js';
import { Fetcher } from './fetcher.js';
import { GroupMember } from './group/group-member.js';
import { committedOffsets } from './group/committed-offsets.js';
import { givenUp, type CommitEntry, type MemberIdentity } from './group/offset-committer.js';
import type { TransactionOffsets } from './group/transaction-offsets.js';
import { ItemIterator } from './item-iterator.js';
import type { PartitionState } from './partition-state.js';
import { run } from './run/run.js';
import type { RunOptions } from './run/run-options.js';
import type { WorkerStats } from './run/worker.js';
import { type ConsumerTransaction, transact, type TransactOptions } from './transact.js';

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

/** The next offset to read of a partition: everything before it is done. */
export interface OffsetToCommit extends TopicPartition {
  readonly offset: number;
  /** Any text to keep with it. */
  readonly metadata?: string;
}

export interface ConsumerStats {
  /** Fetched and not handed to the program yet. */
  readonly bufferedBytes: number;
  /** With `order: 'key'`: records from the first unfinished one on, those finished already included. */
  readonly unfinishedRecords: number;
  readonly workers: readonly WorkerStats[];
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
  readonly #group: GroupMember | undefined;
  /** The end of `transact`, which `close` waits for. */
  #transacting: Promise<void> = Promise.resolve();
  #closed: Promise<void> | undefined;

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
      commitBatch: (state, nextOffset) => this.#commitBatch(state, nextOffset),
      ...(settings.group === undefined
        ? {}
        : {
            gate: (held) => this.#member('batches').gate.pass(held),
            onProcessed: (records) => this.#group?.processed(records),
          }),
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
    if (settings.group !== undefined) {
      this.#group = new GroupMember({
        client: this.#client,
        settings: settings.group,
        core: this.#core,
        work: this.#delivery,
        from: settings.from,
        timeoutMs: settings.requestTimeoutMs,
        backoff,
        random,
        onChange: (topics) => this.#fetcher.setTopics(topics),
        onNews: () => this.#delivery.wake(),
        onCallbackError: (error) => this.#delivery.addTopicError(error),
        onFatal: (error) => this.#delivery.end(error),
      });
      return;
    }
    this.#topics = options.topics === undefined ? undefined : new Set(options.topics);
    if (this.#topics === undefined) this.assign(options.assignments ?? []);
    else this.#fetcher.setTopics(this.#topics);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<ConsumerRecord<Key, Value>> {
    return this.records();
  }

  /** As iterating the consumer itself, with options. Ends when the consumer is closed. */
  records(options: IterationOptions = {}): AsyncIterableIterator<ConsumerRecord<Key, Value>> {
    this.#start();
    return new ItemIterator<ConsumerRecord<Key, Value>>(
      {
        take: () => this.#delivery.record(),
        news: () => this.#delivery.news(),
        wake: () => this.#delivery.wake(),
        isOver: () => this.#isClosed,
        onAsk: () => this.#delivery.settle(),
        onReturn: () => {
          this.#delivery.putBack();
          this.#delivery.stopped();
        },
      },
      this.#signalOf(options),
    );
  }

  /** Records in the batches in which they came: to go through each without a promise per record. */
  batches(options: IterationOptions = {}): AsyncIterableIterator<ConsumerBatch<Key, Value>> {
    this.#start();
    return new ItemIterator<ConsumerBatch<Key, Value>>(
      {
        take: () => this.#delivery.batch(),
        news: () => this.#delivery.news(),
        wake: () => this.#delivery.wake(),
        isOver: () => this.#isClosed,
        onAsk: () => this.#delivery.settle(),
        onReturn: () => this.#delivery.stopped(),
      },
      this.#signalOf(options),
    );
  }

  /**
   * Calls back for each record or batch, in order within a partition or within a key, `concurrency` at a time. Resolves
   * when the consumer is closed, rejects with the first error that `onError` does not take care of.
   */
  run(options: RunOptions<Key, Value>): Promise<void> {
    this.#start();
    const signal = this.#signalOf(options);
    const { clock, logger } = this.#client.environment;
    return run(signal === undefined ? options : { ...options, signal }, {
      delivery: this.#delivery,
      clock,
      logger,
      maxBytes: this.#settings.prefetchBytes,
      partitionCount: () => this.#core.partitions.size,
      isOver: () => this.#isClosed,
    });
  }

  /** What this consumer holds, and what the workers of its last `run` are at and have done. */
  stats(): ConsumerStats {
    let unfinishedRecords = 0;
    for (const { finished } of this.#core.partitions.values()) unfinishedRecords += finished?.size ?? 0;
    const workers = this.#delivery.crew.map(({ stats }) => stats);
    return { bufferedBytes: this.#core.bufferedBytes, unfinishedRecords, workers };
  }

  /**
   * Resolves when every partition is known and has its place. Whatever is written from then on is read, also with
   * `from: 'end'`. An error that keeps a partition from having one is thrown by the iteration.
   */
  async ready(options: IterationOptions = {}): Promise<void> {
    this.#start();
    const signal = this.#signalOf(options);
    const wake = (): void => this.#delivery.wake();
    if (signal !== undefined) onAbort(signal, wake);
    try {
      while (!this.#isPlaced() && !this.#isClosed) {
        signal?.throwIfAborted();
        await this.#delivery.news();
      }
    } finally {
      if (signal !== undefined) offAbort(signal, wake);
    }
  }

  /**
   * Commits, in a group, and resolves when the coordinator has it. Without offsets: everything that was handed over is
   * done, the last record included; with `run`, everything whose callback has ended. Rejects with `STALE_MEMBER_EPOCH`
   * when a partition was given up or lost: what was read of it is another member's to commit; with `COMMIT_GOES_BACK` when an
   * offset is behind what is committed and the program has not sought back.
   */
  async commit(offsets?: readonly OffsetToCommit[], options: IterationOptions = {}): Promise<void> {
    const { committer } = this.#member('commit');
    const signal = this.#signalOf(options);
    signal?.throwIfAborted();
    const entries =
      offsets === undefined
        ? [...this.#core.partitions.values()].flatMap(
            (state) => committer.entry(state, state.finished?.committable ?? state.position) ?? [],
          )
        : offsets.map((offset) => this.#entry(offset));
    await untilAborted(committer.commit(entries), signal);
  }

  /** As `commit`, without waiting: `onDone` hears of the end. */
  commitAsync(offsets?: readonly OffsetToCommit[], onDone?: (error?: unknown) => void): void {
    const { logger } = this.#client.environment;
    this.commit(offsets).then(
      () => onDone?.(),
      (error: unknown) => {
        if (onDone === undefined) logger.warn('offsets were not committed', { error: errorMessage(error) });
        else onDone(error);
      },
    );
  }

  /** What the group has committed of partitions; undefined where it has nothing. */
  async committed(
    partitions: readonly TopicPartition[] = this.assignment(),
    options: IterationOptions = {},
  ): Promise<(TopicPartition & { readonly offset: number | undefined })[]> {
    const { link } = this.#member('committed');
    const signal = this.#signalOf(options);
    const ids = await Promise.all(partitions.map(({ topic }) => this.#client.topic(topic, { signal })));
    const offsets = await committedOffsets({
      client: this.#client,
      link,
      group: this.#settings.group?.group ?? '',
      memberId: '',
      memberEpoch: () => -1,
      partitions: partitions.map(({ partition }, index) => ({ partition, topicId: ids[index]?.topicId ?? '' })),
      limit: { timeoutMs: this.#settings.requestTimeoutMs, signal },
    });
    return partitions.map(({ topic, partition }, index) => {
      const offset = offsets[index] ?? -1;
      return { topic, partition, offset: offset === -1 ? undefined : offset };
    });
  }

  /**
   * Works on each batch in a transaction of a producer, which commits what `eachBatch` sends and that the batch is done:
   * both or neither, through crashes and rebalances. Needs `delivery: 'exactly-once'`. Resolves when the consumer is closed;
   * rejects with what `eachBatch` throws, and when the producer is fenced.
   */
  transact<Transaction extends ConsumerTransaction>(options: TransactOptions<Key, Value, Transaction>): Promise<void> {
    this.#requireManualCommit();
    const { clock, random } = this.#client.environment;
    const backoff = { initialMs: this.#settings.retryBackoffMs, maxMs: this.#settings.retryBackoffMaxMs, jitter: 0.2 };
    const pauses = random.stream('consumer.transactions');
    const signal = this.#signalOf(options);
    const ended = transact(
      {
        consumer: this,
        batches: { [Symbol.asyncIterator]: () => this.batches(options) },
        pause: (failures) => sleep(clock, backoffMs(failures, backoff, pauses), signal),
        isOver: () => this.#isClosed,
      },
      signal === undefined ? options : { ...options, signal },
    );
    // Its end is told to the caller; `close` only waits for it.
    this.#transacting = ended.catch(() => undefined);
    return ended;
  }

  /**
   * What was handed over and is not committed, for a transaction: `tx.commitOffsets(consumer)` asks for it. Throws
   * `STALE_MEMBER_EPOCH` when a partition was given up or lost meanwhile with records in hand.
   */
  transactionOffsets(): TransactionOffsets {
    this.#requireManualCommit();
    return this.#member('transactionOffsets').transactionOffsets();
  }

  /**
   * Goes back to what the group has committed: after a transaction was aborted. Waits for transactions that are about to
   * commit offsets of these partitions. Where nothing is committed it goes back to where reading began.
   */
  async seekToCommitted(): Promise<void> {
    const member = this.#member('seekToCommitted');
    for (const { topic, partition, offset } of await this.committed()) {
      const state = this.#core.find(topic, partition);
      const to = offset ?? state?.originOffset ?? -1;
      if (state !== undefined && to >= 0) state.seek({ offset: to });
    }
    member.forgetDropped();
    this.#fetcher.wake();
  }

  /** Who this consumer is in its group, and under which epoch; 0 while it has not joined. */
  groupMetadata(): MemberIdentity & { readonly group: string } {
    return { group: this.#settings.group?.group ?? '', ...this.#member('groupMetadata').identity };
  }

  /** Reads exactly these partitions from now on. Those read already go on where they are unless `from` is given. */
  assign(assignments: readonly Assignment[]): void {
    if (this.#group !== undefined) {
      throw new MillraceError(
        'INVALID_CONFIG',
        'In a group the coordinator assigns partitions: leave group out to assign.',
      );
    }
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

  /**
   * Ends iterations and `run`, and closes the connections. In a group: waits for the callbacks of `run`, commits what is
   * processed, and leaves. Closing twice does nothing more.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #isClosed(): boolean {
    return this.#closed !== undefined;
  }

  async #close(): Promise<void> {
    // Iterations find it closed when they look.
    await Promise.resolve();
    this.#delivery.wake();
    await this.#endTransacting();
    this.#fetcher.close();
    this.#delivery.wake();
    await this.#group?.close();
    await this.#client.close();
  }

  /** The transaction that is underway is ended while there still is a member. */
  async #endTransacting(): Promise<void> {
    const limit = new AbortController();
    const { clock } = this.#client.environment;
    const late = sleep(clock, this.#settings.group?.closeTimeoutMs ?? 0, limit.signal).catch(() => undefined);
    await Promise.race([this.#transacting, late]);
    limit.abort();
  }

  #start(): void {
    this.#fetcher.start();
    this.#group?.start();
  }

  #isPlaced(): boolean {
    if (this.#group?.isSettled === false) return false;
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

  #member(what: string): GroupMember {
    if (this.#group !== undefined) return this.#group;
    throw new MillraceError('INVALID_CONFIG', `${what} needs a group: give the consumer one.`);
  }

  #requireManualCommit(): void {
    const { group } = this.#settings;
    if (group !== undefined && !group.autoCommit && group.delivery !== 'at-most-once') return;
    throw new MillraceError(
      'INVALID_CONFIG',
      "Transactions commit the offsets of a consumer with a group and delivery: 'exactly-once'.",
    );
  }

  #entry({ topic, partition, offset, metadata }: OffsetToCommit): CommitEntry {
    const { committer } = this.#member('commit');
    const state = this.#core.find(topic, partition);
    const group = this.#settings.group?.group ?? '';
    if (state === undefined) throw givenUp(group, { topic, partition });
    startPosition({ offset });
    return committer.askedEntry(state, offset, metadata ?? null);
  }

  async #commitBatch(state: PartitionState, nextOffset: number): Promise<void> {
    const { committer } = this.#member('batch.commit');
    if (this.#core.find(state.topic, state.partition) !== state) {
      throw givenUp(this.#settings.group?.group ?? '', state);
    }
    const entry = committer.entry(state, nextOffset);
    if (entry !== undefined) await committer.commit([entry]);
  }

  #signalOf({ signal }: { readonly signal?: AbortSignal | undefined }): AbortSignal | undefined {
    if (this.#signal === undefined || signal === undefined) return signal ?? this.#signal;
    return AbortSignal.any([this.#signal, signal]);
  }
}

/** The work goes on; only the wait ends. */
async function untilAborted(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return work;
  let stop = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason as Error);
    onAbort(signal, stop);
  });
  try {
    await Promise.race([work, aborted]);
  } finally {
    offAbort(signal, stop);
  }
}
