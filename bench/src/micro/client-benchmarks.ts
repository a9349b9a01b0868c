/** The two ends of a client: records gathered into batches, and read out of what was fetched. */
import { encodeBatch } from '@millrace/record';
import { readChunk } from '../../../packages/consumer/dist/chunk.js';
import { PartitionState } from '../../../packages/consumer/dist/partition-state.js';
import { RecordReader } from '../../../packages/consumer/dist/record-reader.js';
import { Accumulator } from '../../../packages/producer/dist/accumulator.js';
import { FlushTracker } from '../../../packages/producer/dist/flush-tracker.js';
import { TopicBuffer } from '../../../packages/producer/dist/topic-buffer.js';
import type { MicroBenchmark } from './micro-benchmark.js';

const value = Buffer.alloc(100, 'v');
const timestampMs = 1_700_000_000_000;

export const accumulateRecords: MicroBenchmark = {
  name: 'accumulator: gather records of 100 bytes into batches',
  unit: 'record',
  prepare: () => {
    const clock = { monotonicMs: () => 0 };
    const flushes = new FlushTracker();
    const limits = { batchBytes: 256 * 1024, maxRequestBytes: 1 << 23, bufferMemoryBytes: 1 << 26 };
    const accumulator = new Accumulator({ ...limits, acks: -1, deliveryTimeoutMs: 1000 }, clock, flushes);
    const topic = new TopicBuffer('t', {
      lingerMs: 0,
      flushes,
      window: { idempotent: true, transactional: false, maxInFlight: 5 },
    });
    topic.update([0]);
    const buffer = topic.buffer(0);
    if (buffer === undefined) throw new Error('the topic has a partition 0');
    return (units) => {
      let gathered = 0;
      for (let index = 0; index < units; index += 1) {
        accumulator.append(buffer, null, value, undefined, timestampMs);
        // As the sender does: a full batch goes, and its memory comes back.
        if (index % 2048 !== 2047 && index < units - 1) continue;
        while (buffer.peek(0) !== undefined) {
          const batch = buffer.take();
          gathered += batch.recordCount;
          accumulator.release(batch);
        }
      }
      return gathered;
    };
  },
};

export const readFetchedRecords: MicroBenchmark = {
  name: 'record reader: hand over records of 100 bytes',
  unit: 'record',
  prepare: () => {
    const bytes = encodeBatch(Array.from({ length: 1000 }, () => ({ value, timestampMs })));
    const deserializers = { key: undefined, value: undefined };
    return (units) => {
      let seen = 0;
      while (seen < units) {
        const state = new PartitionState('t', 0, { offset: 0 });
        const chunk = readChunk({ bytes, highWatermark: 1000 }, 0);
        state.fetched(chunk);
        state.take();
        const reader = new RecordReader({ state, chunk, maxDecompressedBytes: 1 << 20, deserializers });
        for (let record = reader.next(); record !== undefined; record = reader.next())
          if ((record.value as Uint8Array | null)?.length === value.length) seen += 1;
      }
      return seen;
    };
  },
};
