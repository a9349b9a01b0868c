/** The record batch: written, looked at, gone through, and its checksum. */
import { BatchView, BatchWriter, crc32c, encodeBatch, RecordCursor } from '@millrace/record';
import type { MicroBenchmark } from './micro-benchmark.js';

const value = Buffer.alloc(100, 'v');
const batchBytes = 256 * 1024;
const timestampMs = 1_700_000_000_000;

export const writeRecords: MicroBenchmark = {
  name: 'batch writer: append a record of 100 bytes',
  unit: 'record',
  prepare: () => {
    const writer = new BatchWriter({ maxBytes: batchBytes });
    return (units) => {
      let written = 0;
      for (writer.reset(); written < units; written += 1) {
        if (writer.append(null, value, undefined, timestampMs)) continue;
        writer.reset();
        writer.append(null, value, undefined, timestampMs);
      }
      return written;
    };
  },
};

export const viewBatches: MicroBenchmark = {
  name: 'batch view: look at the header of a batch',
  unit: 'batch',
  prepare: () => {
    const batch = filledBatch();
    const view = new BatchView();
    return (units) => {
      let seen = 0;
      for (let index = 0; index < units; index += 1) {
        view.at(batch);
        if (view.isComplete && view.nextOffset > view.baseOffset) seen += 1;
      }
      return seen;
    };
  },
};

export const readRecords: MicroBenchmark = {
  name: 'record cursor: go through records of 100 bytes',
  unit: 'record',
  prepare: () => {
    const batch = filledBatch();
    return (units) => {
      let seen = 0;
      while (seen < units) {
        const cursor = RecordCursor.over(batch, { maxDecompressedBytes: batchBytes });
        while (seen < units && cursor.next()) if (cursor.valueLength === value.length) seen += 1;
      }
      return seen;
    };
  },
};

export const checkBatches: MicroBenchmark = {
  name: 'crc-32c: check 16 KiB',
  unit: 'check',
  prepare: () => {
    const bytes = Buffer.alloc(16 * 1024, 'checksum');
    const expected = crc32c(bytes);
    return (units) => {
      let good = 0;
      for (let index = 0; index < units; index += 1) if (crc32c(bytes) === expected) good += 1;
      return good;
    };
  },
};

function filledBatch(): Uint8Array {
  return encodeBatch(Array.from({ length: 1000 }, () => ({ value, timestampMs })));
}
