import type { Counter, Histogram, Metrics } from '@millrace/base';

/** What all logs of a node report together. */
export interface StorageMetrics {
  readonly syncSeconds: Histogram;
  readonly appendedBytes: Counter;
  readonly coldReadBytes: Counter;
}

const syncBuckets = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

export function storageMetrics(metrics: Metrics): StorageMetrics {
  return {
    syncSeconds: metrics.histogram({
      name: 'millrace_log_sync_seconds',
      help: 'How long the group syncs of partition logs take',
      buckets: syncBuckets,
    }),
    appendedBytes: metrics.counter({
      name: 'millrace_log_appended_bytes_total',
      help: 'Bytes of record batches appended to partition logs',
    }),
    coldReadBytes: metrics.counter({
      name: 'millrace_log_cold_read_bytes_total',
      help: 'Bytes of record batches read from segment files, not from memory',
    }),
  };
}
