/**
 * The batches of one partition that wait to be sent.
 *
 *     sealed, oldest first          open
 *     [full] [full] ............... [growing]  ◀── begin, append
 *       └──▶ taken by the partition's window
 *
 * The open batch is ready at once with linger 0. It stays open, and grows, until the window takes it: while requests
 * are in flight, batches form by themselves.
 */
import { assert } from '@millrace/base';
import type { FlushTracker } from './flush-tracker.js';
import { PartitionWindow, type BatchSource, type WindowOptions } from './partition-window.js';
import type { ProducerBatch } from './producer-batch.js';
import type { TopicBuffer } from './topic-buffer.js';

export interface PartitionBufferOptions {
  readonly lingerMs: number;
  readonly flushes: FlushTracker;
  readonly window: WindowOptions;
}

export class PartitionBuffer implements BatchSource {
  readonly topic: TopicBuffer;
  readonly partition: number;
  /** What takes batches from here. */
  readonly window: PartitionWindow;
  readonly #lingerMs: number;
  readonly #flushes: FlushTracker;
  #sealed: ProducerBatch[] = [];
  /** The first of `#sealed` that is still here: taking from the front of an array moves all the rest. */
  #head = 0;
  open: ProducerBatch | undefined;

  constructor(topic: TopicBuffer, partition: number, options: PartitionBufferOptions) {
    this.topic = topic;
    this.partition = partition;
    this.window = new PartitionWindow(topic.name, partition, this, options.window);
    this.#lingerMs = options.lingerMs;
    this.#flushes = options.flushes;
  }

  /** A batch follows the open one, which grows no more. */
  begin(batch: ProducerBatch): void {
    this.seal();
    this.open = batch;
  }

  /** The open batch grows no more. */
  seal(): void {
    if (this.open === undefined) return;
    this.#sealed.push(this.open);
    this.open = undefined;
    this.topic.closedBatches += 1;
  }

  peek(nowMs: number): ProducerBatch | undefined {
    return this.readyAtMs() <= nowMs ? this.oldest() : undefined;
  }

  oldest(): ProducerBatch | undefined {
    return this.#sealed[this.#head] ?? this.open;
  }

  take(): ProducerBatch {
    if (this.#head === this.#sealed.length) this.seal();
    const batch = this.#sealed[this.#head++];
    assert(batch !== undefined, 'what was peeked is there');
    if (this.#head === this.#sealed.length) {
      this.#sealed = [];
      this.#head = 0;
    }
    return batch;
  }

  readyAtMs(): number {
    if (this.#head < this.#sealed.length) return 0;
    if (this.open === undefined) return Infinity;
    return this.#flushes.isUrgent ? 0 : this.open.createdMs + this.#lingerMs;
  }
}
