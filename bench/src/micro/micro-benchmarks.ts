/** Every micro benchmark. */
import { accumulateRecords, readFetchedRecords } from './client-benchmarks.js';
import type { MicroBenchmark } from './micro-benchmark.js';
import { encodeFetchReplies, readFrames } from './protocol-benchmarks.js';
import { checkBatches, readRecords, viewBatches, writeRecords } from './record-benchmarks.js';

export const microBenchmarks: readonly MicroBenchmark[] = [
  writeRecords,
  viewBatches,
  readRecords,
  checkBatches,
  readFrames,
  encodeFetchReplies,
  accumulateRecords,
  readFetchedRecords,
];
