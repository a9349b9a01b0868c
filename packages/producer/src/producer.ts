/**
 * The producer: accepts records, and tells what became of them.
 *
 *     send / sendBatch / enqueue ─▶ partitioner ─▶ accumulator ─▶ sender core ─▶ sender ─▶ node
 *             ▲                                                                     │
 *             └────────────── outcome: handle, callback, promise, flush ◀───────────┘
 *
 * Records of one partition go into the log in the order in which they were accepted. When the buffer is full,
 * `enqueue` returns false, and `send` and `sendBatch` wait in line, so that order holds over all three.
 */
import { backoffMs, completion, MillraceError, type Completion, type Environment } from '@millrace/base';
import { ClusterClient } from '@millrace/client';
import { loadCompression } from '@millrace/record';
import { abortable } from './abortable.js';
import { Accumulator, leastBytes } from './accumulator.js';
import { BatchSend } from './batch-send.js';
import { Delivery } from './delivery.js';
import { FlushTracker } from './flush-tracker.js';
import { Overflow } from './overflow.js';
import { type Partitioner, partitionerOf } from './partitioner.js';
import {
  producerSettings,
  type ProducerOptions,
  type ProducerSettings,
  type UnobservedFailure,
} from './producer-options.js';
import type { BatchRecord, Bytes, DeliveryCallback, ProducerRecord, SendBatchResult } from './producer-record.js';
import type { ProducerStats } from './producer-stats.js';
import { ProducerTopics } from './producer-topics.js';
import { asPreparationError, isBytes, notBytes } from './record-bytes.js';
import { Sender } from './sender.js';
import { SenderCore, type ResolvedBatch } from './sender-core.js';
import type { TopicBuffer } from './topic-buffer.js';
import type { Transaction } from './transaction/transaction.js';
import { Transactions } from './transaction/transactions.js';
import { TurnTime } from './turn-time.js';
import { UnobservedFailures } from './unobserved-failures.js';
import {
  failSink,
  placeSink,
  type Sink,
  waitingBytes,
  waitingOverheadBytes,
  type WaitingRecord,
} from './waiting-record.js';

export class Producer<Key = Bytes, Value = Bytes> {
  readonly #options: ProducerOptions<Key, Value>;
  readonly #settings: ProducerSettings;
  readonly #client: ClusterClient;
  readonly #environment: Environment;
  readonly #partitioner: Partitioner;
  readonly #turnTime: TurnTime;
  readonly #flushes = new FlushTracker();
  readonly #accumulator: Accumulator;
  readonly #core: SenderCore;
  readonly #topics: ProducerTopics;
  readonly #sender: Sender;
  readonly #overflow: Overflow<Key, Value>;
  readonly #unobserved: UnobservedFailures;
  /** Of a producer with a transactional id: then everything is sent in transactions. */
  readonly #transactions: Transactions<Key, Value> | undefined;
  /** Whether the codec is there: until then records are accepted, and wait. */
  #isLoaded = false;
  #roomWaiters: Completion<void>[] = [];
  /** Size of the record that last found no room: `ready` must not wake its caller before that fits. */
  #roomWantedBytes = 0;
  #closed: Promise<void> | undefined;
  /** The codec could not be loaded: nothing can ever be sent. */
  #unusable: MillraceError | undefined;
  #recordsAccepted = 0;
  #recordsAcknowledged = 0;
  #recordsFailed = 0;
  #bytesAcknowledged = 0;
  #batchesAcknowledged = 0;

  constructor(options: ProducerOptions<Key, Value>) {
    this.#options = options;
    const settings = producerSettings(options);
    this.#settings = settings;
    this.#client = new ClusterClient(options);
    this.#environment = this.#client.environment;
    const { clock, random } = this.#environment;
    this.#turnTime = new TurnTime(clock);
    this.#partitioner = partitionerOf(options.partitioner, () => random.stream('producer.partitioner'));
    this.#accumulator = new Accumulator(settings, clock, this.#flushes);
    this.#overflow = new Overflow(settings.bufferMemoryBytes, this.#flushes);
    this.#unobserved = new UnobservedFailures(options.onError);
    const backoff = { initialMs: settings.retryBackoffMs, maxMs: settings.retryBackoffMaxMs, jitter: 0.2 };
    const retries = random.stream('producer.retries');
    this.#core = new SenderCore({
      ...settings,
      transactional: settings.transactionalId !== undefined,
      backoffMs: (failures) => backoffMs(failures, backoff, retries),
      split: (batch) => this.#accumulator.split(batch),
    });
    this.#topics = new ProducerTopics({
      client: this.#client,
      allowAutoCreate: settings.allowAutoCreate,
      deliveryTimeoutMs: settings.deliveryTimeoutMs,
      backoff,
      random: retries,
      buffers: {
        lingerMs: settings.lingerMs,
        flushes: this.#flushes,
        window: {
          idempotent: settings.idempotent,
          transactional: settings.transactionalId !== undefined,
          maxInFlight: settings.maxInFlightRequests,
        },
      },
      place: (topic, records) => this.#placeWaiting(topic, records),
      fail: (topic, records, error) => this.#failWaiting(topic, records, error),
      refuse: (topic, error, firstPartition) => {
        this.#core.refuseTopic(topic, error, firstPartition);
        this.#deliver(this.#core.takeResolved());
      },
      onChange: () => this.#wake(),
    });
    this.#sender = new Sender({
      client: this.#client,
      settings,
      core: this.#core,
      topics: this.#topics,
      backoff,
      random: retries,
      deliver: (resolved) => this.#deliver(resolved),
    });
    this.#transactions = this.#newTransactions();
    void this.#load();
  }

  /**
   * Runs `work` in a transaction: what it sends and commits through `tx` counts as a whole once this resolves, and not at
   * all when it rejects. A failure of `work` aborts the transaction. Where a commit is not answered, it is asked for until
   * its outcome is known.
   */
  async transaction<Result>(work: (tx: Transaction<Key, Value>) => Promise<Result> | Result): Promise<Result> {
    return this.#requireTransactions().run(work);
  }

  /** For programs to which `transaction` gives too little say. One at a time; end it with `commit` or `abort`. */
  async beginTransaction(): Promise<Transaction<Key, Value>> {
    return this.#requireTransactions().begin();
  }

  /**
   * Sends one record. The result is a handle that can be awaited, now or later; it costs no promise unless it is. A
   * failure that nobody awaits is told to `onError`, or else thrown by the next `flush` or `close`.
   */
  send(record: ProducerRecord<Key, Value>): Delivery {
    this.#requirePlain();
    return this.#send(record);
  }

  #send(record: ProducerRecord<Key, Value>): Delivery {
    const delivery = new Delivery();
    try {
      this.#assertOpen();
      if (this.#overflow.isEmpty && this.#accept(record.topic, record, delivery)) return delivery;
      if (this.#overflow.offer({ topic: record.topic, records: [record], sink: delivery }, waitingBytes(record))) {
        return delivery;
      }
      throw new MillraceError(
        'BUFFER_EXHAUSTED',
        `The producer holds ${this.#accumulator.usedBytes} bytes and as much again is waiting to come in ` +
          `(bufferMemoryBytes): await sends, or use enqueue and ready.`,
        { retriable: true },
      );
    } catch (error) {
      this.#failEarly(delivery, asPreparationError(error));
      return delivery;
    }
  }

  /**
   * Sends many records of one topic with one promise for all. It resolves when all are acknowledged, and rejects once
   * all have their outcome and any failed. Records of one partition keep their order.
   */
  sendBatch(batch: {
    readonly topic: string;
    readonly records: readonly BatchRecord<Key, Value>[];
  }): Promise<SendBatchResult> {
    this.#requirePlain();
    return this.#sendBatch(batch);
  }

  #sendBatch(batch: {
    readonly topic: string;
    readonly records: readonly BatchRecord<Key, Value>[];
  }): Promise<SendBatchResult> {
    const send = new BatchSend();
    try {
      this.#assertOpen();
      // The records are the caller's already: they cost no memory here until they are accepted.
      if (!this.#overflow.offer({ ...batch, sink: send }, 0)) {
        throw new MillraceError('BUFFER_EXHAUSTED', 'Too many sends are waiting.', { retriable: true });
      }
      this.#drainOverflow();
    } catch (error) {
      this.#recordsFailed += batch.records.length;
      this.#core.failTransaction(asPreparationError(error));
      send.refused(asPreparationError(error), batch.records.length);
      send.complete();
    }
    return send.promise;
  }

  /**
   * Sends one record without a promise. Returns false, having done nothing, when the buffer is full: wait for `ready`
   * and offer the record again. Throws for a record that can never be sent.
   */
  enqueue(record: ProducerRecord<Key, Value>, onDelivery?: DeliveryCallback): boolean {
    this.#requirePlain();
    return this.#enqueue(record, onDelivery);
  }

  #enqueue(record: ProducerRecord<Key, Value>, onDelivery?: DeliveryCallback): boolean {
    this.#assertOpen();
    return this.#overflow.isEmpty && this.#accept(record.topic, record, onDelivery);
  }

  /** Resolves when `enqueue` has room again. */
  ready(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    if (this.#closed !== undefined || this.#isReady()) return Promise.resolve();
    const waiter = completion();
    this.#roomWaiters.push(waiter);
    return abortable(waiter.promise, options.signal);
  }

  /**
   * Resolves when everything accepted so far has its outcome. Rejects when records failed that nobody awaited and
   * there is no `onError`, with the first such failure since the last `flush`.
   */
  async flush(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const flushed = this.#flushes.flush();
    this.#wake();
    await abortable(flushed, options.signal);
    this.#unobserved.throwIfAny();
  }

  /**
   * Flushes, then closes the connections. What is not acknowledged after `timeoutMs` (the delivery timeout by default)
   * fails. A transaction that is open is aborted. Closing twice waits for the same end.
   */
  close(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    this.#closed ??= this.#close(options.timeoutMs ?? this.#settings.deliveryTimeoutMs);
    return this.#closed;
  }

  stats(): ProducerStats {
    return {
      recordsAccepted: this.#recordsAccepted,
      recordsAcknowledged: this.#recordsAcknowledged,
      recordsFailed: this.#recordsFailed,
      recordsFailedUnobserved: this.#unobserved.recordCount,
      bytesAcknowledged: this.#bytesAcknowledged,
      batchesAcknowledged: this.#batchesAcknowledged,
      requests: this.#sender.requests,
      retries: this.#core.retries,
      splits: this.#core.splits,
      epochBumps: this.#core.epochBumps,
      recordsBuffered: this.#accumulator.recordCount,
      bytesBuffered: this.#accumulator.usedBytes,
      requestsInFlight: this.#core.requestsInFlight,
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Takes a record in, or returns false when there is no room. Throws for one that can never be sent. */
  #accept(topicName: string, record: BatchRecord<Key, Value>, sink: Sink): boolean {
    const { serializeKey, serializeValue } = this.#options;
    // Without serializers Key and Value are Bytes; what a program without types passes instead is refused below.
    const key = (record.key === undefined ? null : serializeKey ? serializeKey(record.key) : record.key) as Bytes;
    const value = (serializeValue ? serializeValue(record.value) : record.value) as Bytes;
    if (!isBytes(key) || !isBytes(value)) throw notBytes(topicName, isBytes(key) ? 'value' : 'key');
    const sizeBytes = leastBytes(key) + leastBytes(value);
    if (!this.#accumulator.hasRoom(sizeBytes)) {
      this.#roomWantedBytes = sizeBytes;
      this.#flushes.isRoomWanted = true;
      this.#wake();
      return false;
    }
    const timestampMs = record.timestampMs ?? this.#turnTime.nowMs(this.#sender.isTurnDue);
    const topic = this.#topics.ready(topicName, record.partition);
    if (topic === undefined) {
      this.#wait(topicName, { key, value, record, timestampMs, sink, sizeBytes });
    } else {
      const partition = record.partition ?? this.#partitioner(topic, key, value);
      const buffer = topic.requireBuffer(partition);
      const batch = this.#accumulator.append(buffer, key, value, record.headers, timestampMs);
      if (sink !== undefined) placeSink(sink, batch);
      this.#core.activate(buffer.window);
    }
    this.#recordsAccepted += 1;
    this.#wake();
    return true;
  }

  /** The topic is not known yet: the record is kept as it is, and counts as if it were in a batch. */
  #wait(
    topicName: string,
    from: {
      readonly key: Bytes;
      readonly value: Bytes;
      readonly record: BatchRecord<Key, Value>;
      readonly timestampMs: number;
      readonly sink: Sink;
      readonly sizeBytes: number;
    },
  ): void {
    const { key, value, record, timestampMs, sink, sizeBytes } = from;
    const generation = this.#flushes.current;
    this.#flushes.accept(generation);
    this.#accumulator.reserve(sizeBytes + waitingOverheadBytes);
    if (sink instanceof BatchSend) sink.expect();
    this.#topics.wait(topicName, {
      key,
      value,
      headers: record.headers,
      partition: record.partition,
      timestampMs,
      sink,
      sizeBytes: sizeBytes + waitingOverheadBytes,
      deadlineMs: this.#environment.clock.monotonicMs() + this.#settings.deliveryTimeoutMs,
      generation,
    });
  }

  #placeWaiting(topic: TopicBuffer, records: readonly WaitingRecord[]): void {
    for (const record of records) {
      this.#accumulator.unreserve(record.sizeBytes);
      this.#flushes.within(record.generation, () => this.#placeOne(topic, record));
      this.#flushes.resolved(record.generation, 1);
    }
    this.#wake();
  }

  #placeOne(topic: TopicBuffer, record: WaitingRecord): void {
    const { key, value, headers, partition, timestampMs, sink, deadlineMs } = record;
    try {
      const chosen = partition ?? this.#partitioner(topic, key, value);
      const buffer = topic.requireBuffer(chosen);
      const batch = this.#accumulator.append(buffer, key, value, headers, timestampMs);
      batch.deadlineMs = Math.min(batch.deadlineMs, deadlineMs);
      placeSink(sink, batch);
      if (sink instanceof BatchSend) sink.forget();
      this.#core.activate(buffer.window);
    } catch (error) {
      this.#failed(topic.name, sink, asPreparationError(error));
    }
  }

  #failWaiting(topic: string, records: readonly WaitingRecord[], error: MillraceError): void {
    for (const { sink, sizeBytes, generation } of records) {
      this.#accumulator.unreserve(sizeBytes);
      this.#failed(topic, sink, error);
      this.#flushes.resolved(generation, 1);
    }
    this.#noteRoom();
  }

  #failed(topic: string, sink: Sink, error: MillraceError): void {
    this.#recordsFailed += 1;
    this.#core.failTransaction(error);
    if (!failSink(sink, error)) this.#unobservedFailure(error, { topic, partition: undefined, recordCount: 1 });
  }

  /** A `send` that failed before its caller had the handle: whether anybody looks is known a turn later. */
  #failEarly(delivery: Delivery, error: MillraceError): void {
    this.#recordsFailed += 1;
    this.#core.failTransaction(error);
    delivery.fail(error);
    this.#environment.clock.nextTurn(() => {
      if (!delivery.observed) this.#unobservedFailure(error, { topic: '', partition: undefined, recordCount: 1 });
    });
  }

  #deliver(resolved: readonly ResolvedBatch[]): void {
    for (const { batch, error, baseOffset } of resolved) {
      const { recordCount } = batch;
      if (error === undefined) {
        this.#recordsAcknowledged += recordCount;
        this.#batchesAcknowledged += 1;
        this.#bytesAcknowledged += batch.encodedBytes;
      } else {
        this.#recordsFailed += recordCount;
      }
      this.#accumulator.release(batch);
      const unobserved = batch.deliveries.resolve({ error, baseOffset }, recordCount, this.#environment.clock);
      if (error !== undefined && unobserved > 0) {
        this.#unobservedFailure(error, { topic: batch.topic, partition: batch.partition, recordCount: unobserved });
      }
      this.#flushes.resolved(batch.generation, recordCount);
    }
    if (resolved.length > 0) this.#noteRoom();
  }

  #noteRoom(): void {
    this.#drainOverflow();
    if (!this.#isReady()) return;
    this.#flushes.isRoomWanted = false;
    this.#roomWantedBytes = 0;
    const waiters = this.#roomWaiters;
    if (waiters.length === 0) return;
    this.#roomWaiters = [];
    for (const waiter of waiters) waiter.resolve();
  }

  /** Room for the record that was refused, and some more, so that callers do not come back for every record. */
  #isReady(): boolean {
    const enough = Math.max(this.#roomWantedBytes, this.#settings.bufferMemoryBytes / 4);
    return this.#overflow.isEmpty && this.#accumulator.hasRoom(enough);
  }

  #drainOverflow(): void {
    this.#overflow.drain((topic, record, sink) => {
      try {
        return this.#accept(topic, record, sink);
      } catch (error) {
        if (sink instanceof BatchSend) {
          this.#recordsFailed += 1;
          this.#core.failTransaction(asPreparationError(error));
          sink.refused(asPreparationError(error), 1);
        } else {
          this.#failEarly(sink, asPreparationError(error));
        }
        return true;
      }
    });
  }

  #wake(): void {
    if (this.#isLoaded) this.#sender.wake();
  }

  async #load(): Promise<void> {
    try {
      if (this.#settings.compression !== 'none') await loadCompression(this.#settings.compression);
      this.#isLoaded = true;
      this.#wake();
    } catch (error) {
      this.#unusable = asPreparationError(error);
      this.#failEverything(this.#unusable);
    }
  }

  async #close(timeoutMs: number): Promise<void> {
    const timeUp = completion();
    const timer = this.#environment.clock.schedule(timeoutMs, () => timeUp.resolve());
    const ended = this.#transactions?.close(timeoutMs) ?? Promise.resolve();
    const flushed = ended.then(() => {
      const flush = this.#flushes.flush();
      this.#wake();
      return flush;
    });
    await Promise.race([flushed, timeUp.promise]);
    timer.cancel();
    const error = new MillraceError('PRODUCER_CLOSED', 'The producer was closed before the record was acknowledged.');
    this.#transactions?.giveUp(error);
    this.#failEverything(error);
    this.#sender.close();
    for (const waiter of this.#roomWaiters) waiter.resolve();
    await this.#client.close();
    this.#unobserved.throwIfAny();
  }

  #requireTransactions(): Transactions<Key, Value> {
    this.#assertOpen();
    if (this.#transactions !== undefined) return this.#transactions;
    throw new MillraceError('INVALID_CONFIG', 'A producer needs a transactionalId for transactions.');
  }

  #newTransactions(): Transactions<Key, Value> | undefined {
    const { transactionalId } = this.#settings;
    if (transactionalId === undefined) return undefined;
    return new Transactions({
      client: this.#client,
      transactionalId,
      settings: this.#settings,
      core: this.#core,
      fail: (error) => this.#failTransaction(error),
      flush: () => {
        const flushed = this.#flushes.flush();
        this.#wake();
        return flushed;
      },
      sends: {
        send: (record) => this.#send(record),
        sendBatch: (batch) => this.#sendBatch(batch),
        enqueue: (record, onDelivery) => this.#enqueue(record, onDelivery),
        ready: (options) => this.ready(options),
      },
    });
  }

  #failTransaction(error: MillraceError): void {
    this.#core.failTransaction(error);
    this.#overflow.clear(error, (delivery) => this.#failEarly(delivery, error));
    this.#topics.failAll(error);
    this.#wake();
  }

  #requirePlain(): void {
    if (this.#transactions === undefined) return;
    throw new MillraceError(
      'INVALID_TXN_STATE',
      'A producer with a transactionalId sends in transactions: use producer.transaction(tx => tx.send(...)).',
    );
  }

  /** A failure of a record in a transaction is told by the end of that. */
  #unobservedFailure(error: MillraceError, failure: UnobservedFailure): void {
    if (this.#transactions === undefined) this.#unobserved.add(error, failure);
  }

  #failEverything(error: MillraceError): void {
    this.#overflow.clear(error, (delivery) => this.#failEarly(delivery, error));
    this.#topics.close(error);
    this.#core.abandon(error);
    this.#deliver(this.#core.takeResolved());
  }

  #assertOpen(): void {
    if (this.#unusable !== undefined) throw this.#unusable;
    if (this.#closed !== undefined) {
      throw new MillraceError('PRODUCER_CLOSED', 'The producer is closed: no more records can be sent with it.');
    }
  }
}
