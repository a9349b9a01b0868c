/**
 * A batch of records on its way: the encoded records, its place in the sequence of its partition, and who wants to
 * know its outcome.
 *
 * The memory has one holder at a time. The accumulator appends to `writer` while the batch is open; from the first
 * `encode` on nothing is appended, and the encoded bytes may lie in that same memory, in a socket's queue. They change
 * again only in `renumber`, which the window calls only when every attempt was answered, so that no socket holds them
 * any more. The writer is used again (`releaseWriter`) only under the same condition; else it is left to the garbage
 * collector.
 */
import { assert, type MillraceError } from '@millrace/base';
import type { BatchWriter, Compression } from '@millrace/record';
import { BatchDeliveries } from './batch-deliveries.js';
import type { Generation } from './flush-tracker.js';

export interface ProducerBatchOptions {
  readonly topic: string;
  readonly partition: number;
  readonly createdMs: number;
  readonly deadlineMs: number;
  /** The flush that will wait for it. */
  readonly generation: Generation;
  readonly writer: BatchWriter | undefined;
  /** Whether its writer may be used again. */
  readonly isPooled: boolean;
}

export class ProducerBatch {
  readonly topic: string;
  readonly partition: number;
  readonly createdMs: number;
  /** Of the record in it that came first. */
  deadlineMs: number;
  readonly generation: Generation;
  readonly deliveries: BatchDeliveries;
  readonly #isPooled: boolean;
  /** Moved by the accumulator until the batch is taken. */
  recordCount = 0;
  /** Before compression, header included. */
  sizeBytes = 0;

  /** From here on moved by the partition's window only. */
  producerId = -1;
  producerEpoch = -1;
  baseSequence = -1;
  attempts = 0;
  inFlight = false;
  /** Whether it was the oldest of its partition when last sent: only then does "out of order" mean that it cannot pass. */
  sentAsOldest = false;
  /** Some attempt may have written it without our knowing. */
  outcomeUnknown = false;
  /** Some attempt was never answered: a socket may still hold its bytes. Never goes back to false. */
  wasUnanswered = false;
  /** It has its outcome; a late answer is ignored. */
  resolved = false;
  lastError: MillraceError | undefined;

  #writer: BatchWriter | undefined;
  #encoded: Uint8Array | undefined;

  constructor(options: ProducerBatchOptions) {
    this.topic = options.topic;
    this.partition = options.partition;
    this.createdMs = options.createdMs;
    this.deadlineMs = options.deadlineMs;
    this.generation = options.generation;
    this.#writer = options.writer;
    this.#isPooled = options.isPooled;
    this.deliveries = new BatchDeliveries(options.topic, options.partition);
  }

  get writer(): BatchWriter {
    assert(this.#writer !== undefined, 'a batch that is worked on has its records');
    return this.#writer;
  }

  renumber(producerId: number, producerEpoch: number, baseSequence: number): void {
    assert(!this.inFlight && !this.outcomeUnknown, 'a batch that may be in the log keeps its numbers');
    this.producerId = producerId;
    this.producerEpoch = producerEpoch;
    this.baseSequence = baseSequence;
    this.#encoded = undefined;
  }

  /** The bytes to send, made on first use and after `renumber`. */
  encode(compression: Compression, isTransactional: boolean): Uint8Array {
    this.#encoded ??= this.writer.finish({
      compression,
      isTransactional,
      producerId: this.producerId,
      producerEpoch: this.producerEpoch,
      baseSequence: this.baseSequence,
    });
    return this.#encoded;
  }

  get encodedBytes(): number {
    return this.#encoded?.length ?? 0;
  }

  /** Lets go of the memory. Returns the writer when it may be used again: nothing else can hold its bytes any more. */
  releaseWriter(): BatchWriter | undefined {
    const writer = this.inFlight || this.wasUnanswered || !this.#isPooled ? undefined : this.#writer;
    this.#writer = undefined;
    this.#encoded = undefined;
    return writer;
  }
}
