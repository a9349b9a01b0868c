/**
 * A load that writes its own history: producers with acks=all, a consumer that follows them from the beginning, and
 * somebody who asks for the ends of the partitions again and again. At the end a fresh consumer drains all of it.
 */
import { Admin } from '@millrace/admin';
import { errorCode, errorMessage } from '@millrace/base';
import { Consumer } from '@millrace/consumer';
import { Producer } from '@millrace/producer';
import { pause } from '../pause.js';
import type { HistoryFile, OffsetAndValue } from './history-file.js';

export interface RecordedLoadOptions {
  readonly bootstrap: string;
  readonly history: HistoryFile;
  readonly topic: string;
  readonly partitions: number;
  /** Records of one producer on their way at any time: enough that each fault interrupts some. */
  readonly inFlight?: number;
  /** Of one producer. */
  readonly recordsPerSecond?: number;
  /** What is added to failures of the test. */
  readonly evidence?: () => string;
  readonly sendLimitMs?: number;
}

const producerCount = 2;
const defaultSendLimitMs = 90_000;
const stepMs = 5;
const askEveryMs = 100;
const giveUpMs = 60_000;
/** Refused before they were in any batch: such records never leave the client. */
const neverSent: ReadonlySet<string> = new Set(['BUFFER_EXHAUSTED', 'RECORD_TOO_LARGE']);

export class RecordedLoad {
  readonly inFlight: number;
  readonly #options: RecordedLoadOptions;
  readonly #producers: readonly Producer[];
  readonly #consumer: Consumer;
  readonly #admin: Admin;
  readonly #running: readonly Promise<void>[];
  #isStopped = false;
  #isSending = true;
  #sent = 0;
  #acknowledged = 0;
  #failures: string[] = [];

  constructor(options: RecordedLoadOptions) {
    const { bootstrap, topic } = options;
    this.inFlight = options.inFlight ?? 150;
    this.#options = options;
    const retries = { retryBackoffMs: 20, retryBackoffMaxMs: 500 };
    this.#producers = Array.from(
      { length: producerCount },
      () =>
        new Producer({
          ...{ bootstrap, acks: 'all', allowAutoCreate: false, onError: () => undefined, ...retries },
          deliveryTimeoutMs: options.sendLimitMs ?? defaultSendLimitMs,
        }),
    );
    this.#consumer = new Consumer({
      bootstrap,
      topics: [topic],
      from: 'beginning',
      requestTimeoutMs: 5000,
      ...retries,
    });
    this.#admin = new Admin({ bootstrap, requestTimeoutMs: 5000 });
    const producing = this.#producers.map((producer, index) => this.#produce(producer, index));
    this.#running = [...producing, this.#follow(), this.#askEnds()];
  }

  get sent(): number {
    return this.#sent;
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Records without an acknowledgement that will get none. */
  get failures(): readonly string[] {
    return this.#failures;
  }

  /** Until `count` more records are acknowledged. */
  async progress(count = 100): Promise<void> {
    const wanted = this.#acknowledged + count;
    for (const deadlineMs = performance.now() + giveUpMs; this.#acknowledged < wanted; await pause(10)) {
      if (performance.now() < deadlineMs) continue;
      const failure = this.#failures.at(-1) ?? 'and nothing failed';
      throw new Error(
        `less than ${count} records were acknowledged in ${giveUpMs} ms: ${failure}\n${this.#options.evidence?.() ?? ''}`,
      );
    }
  }

  /** More records than were on their way: only these show that work goes on. */
  progressBeyondFlight(): Promise<void> {
    return this.progress(2 * producerCount * this.inFlight);
  }

  /** No more records; waits for the outcome of all. Then drains the topic with a fresh consumer. */
  async stop(): Promise<void> {
    this.#isSending = false;
    await Promise.all(this.#producers.map((producer) => producer.flush().catch(() => undefined)));
    await this.#drain();
    this.#isStopped = true;
    await this.#consumer.close();
    await Promise.all(this.#running);
    await Promise.all(this.#producers.map((producer) => producer.close()));
    await this.#admin.close();
  }

  async #produce(producer: Producer, index: number): Promise<void> {
    const { topic, partitions, history, recordsPerSecond = Infinity } = this.#options;
    const name = `producer-${index}`;
    const startedMs = performance.now();
    let sent = 0;
    let underWay = 0;
    const send = (): void => {
      const value = `${index}-${sent}`;
      const partition = sent % partitions;
      history.add(name, { kind: 'invoke', f: 'send', topic, partition, value });
      sent += 1;
      underWay += 1;
      this.#sent += 1;
      producer.enqueue({ topic, partition, value }, (error, _partition, offset) => {
        underWay -= 1;
        if (error === undefined) {
          this.#acknowledged += 1;
          history.add(name, { kind: 'ok', f: 'send', value, offset });
        } else {
          const text = `${errorCode(error)}: ${errorMessage(error)}`;
          this.#failures.push(text);
          const kind = neverSent.has(errorCode(error)) ? 'fail' : 'info';
          history.add(name, { kind, f: 'send', value, error: text });
        }
      });
    };
    for (; this.#isSending; await pause(stepMs)) {
      const due = (recordsPerSecond * (performance.now() - startedMs)) / 1000;
      while (underWay < this.inFlight && sent < due) send();
    }
  }

  async #follow(): Promise<void> {
    const { history, topic } = this.#options;
    try {
      for await (const batch of this.#consumer.batches()) {
        const { partition, highWatermark } = batch;
        const records: OffsetAndValue[] = [];
        for (const { offset, value } of batch) records.push([offset, Buffer.from(value ?? []).toString()]);
        history.add('consumer', { kind: 'ok', f: 'poll', topic, partition, highWatermark, records });
      }
    } catch (error) {
      if (this.#isStopped) return;
      const text = `${errorCode(error)}: ${errorMessage(error)}`;
      history.add('consumer', { kind: 'fail', f: 'poll', topic, error: text });
    }
  }

  async #askEnds(): Promise<void> {
    const { history, topic, partitions } = this.#options;
    for (; !this.#isStopped; await pause(askEveryMs)) {
      const invoked = history.nowMs;
      const wanted = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }));
      try {
        const ends = await this.#consumer.endOffsets(wanted);
        for (const { partition, offset } of ends) {
          history.add('asker', { kind: 'ok', f: 'latest', topic, partition, offset, invoked });
        }
      } catch (error) {
        // Without an answer there is nothing to check, and the cluster may well have no leader at the moment.
        history.add('asker', { kind: 'info', f: 'fault', text: `no end: ${errorMessage(error)}` });
      }
    }
  }

  async #drain(): Promise<void> {
    const { bootstrap, history, topic, partitions } = this.#options;
    const all = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }));
    const starts = await this.#admin.listOffsets(all.map((one) => ({ ...one, at: 'earliest' as const })));
    await using consumer = new Consumer({ bootstrap, topics: [topic], from: 'beginning' });
    await consumer.ready();
    const ends = await consumer.endOffsets();
    const records: OffsetAndValue[][] = all.map(() => []);
    const isThere = (): boolean =>
      ends.every(({ partition, offset }) => (consumer.position({ topic, partition }) ?? 0) >= offset);
    if (!isThere()) {
      for await (const batch of consumer.batches({ signal: AbortSignal.timeout(giveUpMs) })) {
        for (const { partition, offset, value } of batch) {
          records[partition]?.push([offset, Buffer.from(value ?? []).toString()]);
        }
        if (isThere()) break;
      }
    }
    for (const { partition, offset: end } of ends) {
      const start = starts.find((one) => one.partition === partition)?.offset ?? 0;
      history.add('drain', { kind: 'ok', f: 'drain', topic, partition, start, end, records: records[partition] ?? [] });
    }
  }
}
