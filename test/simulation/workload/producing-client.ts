/**
 * A program that produces. It has one `Producer` at a time; each life of one is a producer of its own to the checks.
 */
import { assert, errorCode, errorMessage } from '@millrace/base';
import { Producer } from '@millrace/producer';
import type { SendOperation } from '../plan/operation.js';
import type { ProducerPlan } from '../plan/plan.js';
import { lateMs, recordCall, restartMachine, type Workload } from './workload.js';
import type { Send, SendOutcome } from './history.js';

const largestRecordBytes = 900;

/** Refused before they were in any batch: such records never leave the client. */
const neverSent: ReadonlySet<string> = new Set(['BUFFER_EXHAUSTED', 'RECORD_TOO_LARGE']);

export class ProducingClient {
  readonly #workload: Workload;
  readonly #plan: ProducerPlan;
  readonly #node: string;
  #producer: Producer | undefined;
  #life = 0;
  #sent = 0;
  /** Sends without an outcome, of this life and of those before it that are still closing. */
  readonly #pending = new Set<Send>();

  constructor(workload: Workload, index: number, plan: ProducerPlan) {
    this.#workload = workload;
    this.#plan = plan;
    this.#node = `producer-${index}`;
  }

  get name(): string {
    return `${this.#node}.${this.#life}`;
  }

  get node(): string {
    return this.#node;
  }

  open(): void {
    const { simulation, bootstrap } = this.#workload;
    const { acks, ...options } = this.#plan;
    this.#life += 1;
    this.#sent = 0;
    this.#producer = new Producer({
      ...options,
      acks,
      bootstrap,
      clientId: this.name,
      allowAutoCreate: false,
      retryBackoffMs: 20,
      retryBackoffMaxMs: 200,
      onError: () => undefined,
      environment: simulation.environment(this.#node),
    });
  }

  send(operation: SendOperation): void {
    if (operation.call === 'send-batch') this.#sendBatch(operation);
    else this.#sendFrom(operation, 0);
  }

  /** In order, or as if the program was killed. */
  async restart(isGraceful: boolean): Promise<void> {
    if (isGraceful) {
      const closed = this.close();
      this.open();
      await closed;
      return;
    }
    this.#noteStatistics();
    this.#workload.timeLine.add(this.name, 'is killed');
    for (const send of this.#pending) this.#end(send, 'unknown', 'the program was killed');
    restartMachine(this.#workload, this.#node);
    this.open();
  }

  async close(): Promise<void> {
    const producer = this.#producer;
    assert(producer !== undefined, 'open comes first');
    this.#noteStatistics();
    await recordCall(
      this.#workload,
      { client: this.name, text: 'close', timeoutMs: this.#plan.deliveryTimeoutMs },
      () => producer.close(),
    );
  }

  get #wallMs(): number {
    return this.#workload.simulation.environment(this.#node).clock.wallMs();
  }

  #sendFrom(operation: SendOperation, index: number): void {
    const { simulation } = this.#workload;
    for (let next = index; next < operation.count; next += 1) {
      if (operation.everyMs > 0 && next > index) {
        simulation.after(operation.everyMs, () => {
          if (!this.#workload.gate.isClosed) this.#sendFrom(operation, next);
        });
        return;
      }
      this.#sendOne(operation, next);
    }
  }

  #sendOne(operation: SendOperation, index: number): void {
    const producer = this.#producer;
    assert(producer !== undefined, 'open comes first');
    const send = this.#begin(operation, index);
    const record = recordOf(operation, send.value, this.#wallMs);
    if (operation.call === 'enqueue') {
      try {
        const isTaken = producer.enqueue(record, (error, partition, offset) => {
          if (error === undefined) this.#acknowledged(send, partition, offset);
          else this.#refused(send, error);
        });
        if (isTaken) return;
        this.#workload.marks.hit('producer-buffer-full');
        this.#end(send, 'failed', 'the buffer is full');
      } catch (error) {
        this.#end(send, 'failed', errorMessage(error));
      }
      return;
    }
    producer.send(record).then(
      ({ partition, offset }) => this.#acknowledged(send, partition, offset),
      (error: unknown) => this.#refused(send, error),
    );
  }

  /** One promise for all: of a batch that failed nobody knows which records are in the log. */
  #sendBatch(operation: SendOperation): void {
    const producer = this.#producer;
    assert(producer !== undefined, 'open comes first');
    const sends = Array.from({ length: operation.count }, (_, index) => this.#begin(operation, index));
    const records = sends.map(({ value }) => recordOf(operation, value, this.#wallMs));
    producer.sendBatch({ topic: operation.topic, records }).then(
      ({ results }) => {
        const [first] = results;
        const isOnePartition = results.every(({ partition }) => partition === first?.partition);
        const offsets = results.flatMap(({ firstOffset, recordCount }) =>
          Array.from({ length: recordCount }, (_, index) => (firstOffset < 0 ? -1 : firstOffset + index)),
        );
        for (const [index, send] of sends.entries()) {
          // Which record went to which of several partitions is not told.
          if (isOnePartition) this.#acknowledged(send, first?.partition ?? -1, offsets[index] ?? -1);
          else this.#acknowledged(send, -1, -1);
        }
      },
      (error: unknown) => {
        for (const send of sends) this.#end(send, 'unknown', errorMessage(error));
      },
    );
  }

  #begin(operation: SendOperation, index: number): Send {
    const { simulation, history } = this.#workload;
    const { acks, idempotent, deliveryTimeoutMs, bufferMemoryBytes } = this.#plan;
    // What does not fit into the buffer waits in line until what is before it has its outcome.
    const waitingBytes = (this.#pending.size + operation.count) * (largestRecordBytes + 200);
    const rounds = bufferMemoryBytes > waitingBytes ? 1 : 2 + Math.ceil((2 * waitingBytes) / bufferMemoryBytes);
    const send: Send = {
      value: `${operation.id}.${index}`,
      producer: this.name,
      order: this.#sent,
      topic: operation.topic,
      acks,
      idempotent,
      invokedMs: simulation.nowMs,
      deadlineMs: simulation.nowMs + rounds * deliveryTimeoutMs + lateMs,
      partition: operation.partition ?? -1,
      offset: -1,
      outcome: 'pending',
      endedMs: Infinity,
      error: undefined,
    };
    this.#sent += 1;
    this.#pending.add(send);
    history.sends.push(send);
    return send;
  }

  #acknowledged(send: Send, partition: number, offset: number): void {
    if (partition >= 0) send.partition = partition;
    send.offset = offset;
    this.#end(send, 'ok', undefined);
  }

  #refused(send: Send, error: unknown): void {
    const outcome = neverSent.has(errorCode(error)) ? 'failed' : 'unknown';
    this.#end(send, outcome, `${errorCode(error)}: ${errorMessage(error)}`);
  }

  #end(send: Send, outcome: SendOutcome, error: string | undefined): void {
    const { simulation, timeLine, marks } = this.#workload;
    assert(send.outcome === 'pending', `send ${send.value} has two outcomes`);
    this.#pending.delete(send);
    send.outcome = outcome;
    send.error = error;
    send.endedMs = simulation.nowMs;
    if (outcome === 'unknown') marks.hit('send-unknown');
    if (outcome === 'failed') marks.hit('send-failed');
    const where = send.offset >= 0 ? ` at ${send.topic}-${send.partition} offset ${send.offset}` : ` to ${send.topic}`;
    timeLine.add(send.producer, `${send.value}${where} ${outcome}${error === undefined ? '' : `: ${error}`}`);
  }

  #noteStatistics(): void {
    const { marks } = this.#workload;
    const statistics = this.#producer?.stats();
    if (statistics === undefined) return;
    marks.hit('producer-retried', statistics.retries);
    marks.hit('producer-epoch-bumped', statistics.epochBumps);
    marks.hit('producer-split-batch', statistics.splits);
  }
}

function recordOf(
  operation: SendOperation,
  value: string,
  wallMs: number,
): {
  topic: string;
  value: string;
  partition?: number;
  timestampMs?: number;
} {
  const { topic, partition, sizeBytes, ageMs } = operation;
  const padded = sizeBytes > value.length ? `${value} `.padEnd(sizeBytes, 'x') : value;
  return {
    topic,
    value: padded,
    ...(partition === undefined ? {} : { partition }),
    ...(ageMs === undefined ? {} : { timestampMs: wallMs - ageMs }),
  };
}
