// hot path
/**
 * Where accepted records wait: encoded straight into the open batch of their partition, so that a record costs bytes
 * in a buffer and no object.
 *
 * `usedBytes` counts every batch from its first record until its outcome, in flight included: it is what the bound on
 * memory is compared with. The accumulator owns the memory of batches: it hands out writers and takes them back when
 * a batch is done with.
 */
import { assert, MillraceError, type Clock } from '@millrace/base';
import { BatchWriter, type RecordHeaders } from '@millrace/record';
import type { FlushTracker } from './flush-tracker.js';
import type { PartitionBuffer } from './partition-buffer.js';
import { ProducerBatch } from './producer-batch.js';
import type { Bytes } from './producer-record.js';
import type { ProducerSettings } from './producer-options.js';
import { splitBatch } from './split-batch.js';

export type AccumulatorSettings = Pick<
  ProducerSettings,
  'acks' | 'batchBytes' | 'maxRequestBytes' | 'bufferMemoryBytes' | 'deliveryTimeoutMs'
>;

/**
 * Memory kept for the next batches, at most; more is left to the garbage collector. Touching fresh memory costs many
 * times what filling it does, so a full buffer that drains and fills again should find here what it let go.
 */
const maxPooledBytes = 32 * 1024 * 1024;

export class Accumulator {
  readonly #settings: AccumulatorSettings;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #flushes: FlushTracker;
  readonly #pool: BatchWriter[] = [];
  readonly #maxPooledBytes: number;
  #pooledBytes = 0;
  #usedBytes = 0;
  #recordCount = 0;

  constructor(settings: AccumulatorSettings, clock: Pick<Clock, 'monotonicMs'>, flushes: FlushTracker) {
    this.#settings = settings;
    this.#clock = clock;
    this.#flushes = flushes;
    this.#maxPooledBytes = Math.min(maxPooledBytes, settings.bufferMemoryBytes / 2);
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  get recordCount(): number {
    return this.#recordCount;
  }

  /** Whether a record of this size may come in. One that is larger than all of the bound may when nothing else is here. */
  hasRoom(recordBytes: number): boolean {
    return this.#usedBytes === 0 || this.#usedBytes + recordBytes <= this.#settings.bufferMemoryBytes;
  }

  /** Counts records that are held outside of batches, until their topic is known. */
  reserve(bytes: number): void {
    this.#usedBytes += bytes;
    this.#recordCount += 1;
  }

  unreserve(bytes: number): void {
    this.#usedBytes -= bytes;
    this.#recordCount -= 1;
  }

  /**
   * Adds a record to the open batch of its partition. Returns that batch, in which the record is the last one. Throws
   * RECORD_TOO_LARGE when no request could carry it.
   */
  append(
    buffer: PartitionBuffer,
    key: Bytes,
    value: Bytes,
    headers: RecordHeaders | undefined,
    timestampMs: number,
  ): ProducerBatch {
    let batch = buffer.open;
    if (batch === undefined || !batch.writer.append(key, value, headers, timestampMs)) {
      batch = this.#newBatch(buffer, key, value, headers, timestampMs);
    }
    this.#usedBytes += batch.writer.sizeBytes - batch.sizeBytes;
    batch.sizeBytes = batch.writer.sizeBytes;
    batch.recordCount += 1;
    this.#recordCount += 1;
    this.#flushes.accept(batch.generation);
    return batch;
  }

  /** The batch has its outcome: its memory is free for others. */
  release(batch: ProducerBatch): void {
    this.#usedBytes -= batch.sizeBytes;
    this.#recordCount -= batch.recordCount;
    assert(this.#usedBytes >= 0 && this.#recordCount >= 0, 'a batch is released once');
    const writer = batch.releaseWriter();
    if (writer === undefined || this.#pooledBytes + writer.memoryBytes > this.#maxPooledBytes) return;
    writer.reset();
    this.#giveBack(writer);
  }

  /** Divides a batch that was too large for its broker; undefined when it is one record. */
  split(batch: ProducerBatch): readonly [ProducerBatch, ProducerBatch] | undefined {
    const halves = splitBatch(batch);
    if (halves !== undefined) this.#usedBytes += halves[0].sizeBytes + halves[1].sizeBytes - batch.sizeBytes;
    return halves;
  }

  /** A batch whose writer has this record already: one that no batch can hold leaves everything as it was. */
  #newBatch(
    buffer: PartitionBuffer,
    key: Bytes,
    value: Bytes,
    headers: RecordHeaders | undefined,
    timestampMs: number,
  ): ProducerBatch {
    const pooled = this.#takeWriter();
    let writer = pooled;
    if (!pooled.append(key, value, headers, timestampMs)) {
      this.#giveBack(pooled);
      writer = new BatchWriter({ maxBytes: this.#settings.maxRequestBytes });
      if (!writer.append(key, value, headers, timestampMs)) {
        throw recordTooLarge(buffer, key, value, this.#settings.maxRequestBytes);
      }
    }
    const createdMs = this.#clock.monotonicMs();
    const batch = new ProducerBatch({
      topic: buffer.topic.name,
      partition: buffer.partition,
      createdMs,
      deadlineMs: createdMs + this.#settings.deliveryTimeoutMs,
      generation: this.#flushes.current,
      writer,
      // With acks 0 nothing ever tells that the socket has let go of the bytes.
      isPooled: writer === pooled && this.#settings.acks !== 0,
    });
    buffer.begin(batch);
    // It is above the size of a batch already: nothing joins it.
    if (writer !== pooled) buffer.seal();
    return batch;
  }

  #takeWriter(): BatchWriter {
    const writer = this.#pool.pop();
    if (writer === undefined) return new BatchWriter({ maxBytes: this.#settings.batchBytes });
    this.#pooledBytes -= writer.memoryBytes;
    return writer;
  }

  #giveBack(writer: BatchWriter): void {
    this.#pooledBytes += writer.memoryBytes;
    this.#pool.push(writer);
  }
}

/** Bytes of a key or value, at least: cheap, and exact unless a string has characters beyond ASCII. */
export function leastBytes(field: Bytes): number {
  return field === null ? 0 : field.length;
}

function recordTooLarge(buffer: PartitionBuffer, key: Bytes, value: Bytes, maxBytes: number): MillraceError {
  const exact = (field: Bytes): number => (typeof field === 'string' ? Buffer.byteLength(field) : leastBytes(field));
  return new MillraceError(
    'RECORD_TOO_LARGE',
    `A record for ${buffer.topic.name}-${buffer.partition} has ${exact(key) + exact(value)} bytes of key and value, ` +
      `and with its headers it does not fit into a request of ${maxBytes} bytes (maxRequestBytes).`,
  );
}
