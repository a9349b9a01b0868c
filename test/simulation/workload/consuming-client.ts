/**
 * A program that reads all topics from their beginning, for ever. It has one `Consumer` at a time; each life of one is
 * a consumer of its own to the checks. When reading fails it begins anew, as a restarted program would.
 */
import { assert, errorCode, errorMessage } from '@millrace/base';
import { Consumer, PartitionError } from '@millrace/consumer';
import { textOf } from '../cluster/scan-log.js';
import type { ConsumerPlan } from '../plan/plan.js';
import { partitionLabel } from './history.js';
import { recordCall, restartMachine, type Workload } from './workload.js';

const againMs = 200;

export class ConsumingClient {
  readonly #workload: Workload;
  readonly #plan: ConsumerPlan;
  readonly #node: string;
  #consumer: Consumer | undefined;
  #life = 0;
  #isEnding = false;
  /** Next offset of this life, by partition. */
  #positions = new Map<string, number>();

  constructor(workload: Workload, index: number, plan: ConsumerPlan) {
    this.#workload = workload;
    this.#plan = plan;
    this.#node = `consumer-${index}`;
  }

  get name(): string {
    return `${this.#node}.${this.#life}`;
  }

  get node(): string {
    return this.#node;
  }

  /** Next offset to be read by the present life; 0 when nothing was read. */
  position(topic: string, partition: number): number {
    return this.#positions.get(partitionLabel({ topic, partition })) ?? 0;
  }

  open(): void {
    const { simulation, bootstrap, plan } = this.#workload;
    this.#life += 1;
    this.#positions = new Map();
    this.#consumer = new Consumer({
      ...this.#plan,
      bootstrap,
      clientId: this.name,
      topics: plan.config.topics.map(({ name }) => name),
      from: 'beginning',
      autoOffsetReset: 'earliest',
      retryBackoffMs: 20,
      retryBackoffMaxMs: 200,
      metadataMaxAgeMs: 500,
      environment: simulation.environment(this.#node),
    });
    void this.#read(this.#consumer, this.#life);
  }

  async restart(isGraceful: boolean): Promise<void> {
    if (isGraceful) {
      const closed = this.close();
      this.#isEnding = false;
      this.open();
      await closed;
      return;
    }
    this.#workload.timeLine.add(this.name, 'is killed');
    restartMachine(this.#workload, this.#node);
    this.open();
  }

  async close(): Promise<void> {
    const consumer = this.#consumer;
    assert(consumer !== undefined, 'open comes first');
    this.#isEnding = true;
    await recordCall(this.#workload, { client: this.name, text: 'close', timeoutMs: this.#plan.requestTimeoutMs }, () =>
      consumer.close(),
    );
  }

  async #read(consumer: Consumer, life: number): Promise<void> {
    const { history, simulation, timeLine, marks } = this.#workload;
    const { name } = this;
    try {
      for await (const batch of consumer.batches()) {
        const { topic, partition, highWatermark } = batch;
        const label = partitionLabel(batch);
        for (const { offset, value } of batch) {
          const expected = this.#life === life ? (this.#positions.get(label) ?? 0) : offset;
          if (offset > expected) marks.hit('consumer-jumped-over-deleted');
          const text = textOf(value);
          const readMs = simulation.nowMs;
          history.reads.push({ consumer: name, topic, partition, offset, value: text, readMs, highWatermark });
          timeLine.add(name, `read ${text} at ${label} offset ${offset}, high watermark ${highWatermark}`, true);
          if (this.#life === life) this.#positions.set(label, offset + 1);
        }
      }
    } catch (error) {
      const topic = error instanceof PartitionError ? error.topic : undefined;
      const failure = { code: errorCode(error), message: errorMessage(error) };
      history.readFailures.push({ consumer: name, topic, failedMs: simulation.nowMs, ...failure });
      timeLine.add(name, `reading failed: ${failure.code}: ${failure.message}`);
      void consumer.close();
      simulation.after(againMs, () => {
        if (this.#life === life && !this.#isEnding) this.open();
      });
    }
  }
}
