/** What the transaction coordinator measures. */
import type { Counter, Gauge, Histogram, Labels, Metrics } from '@millrace/base';
import type { TransactionEntry } from './transaction-entry.js';
import { isCommit, isEnding } from './transaction-state.js';

const durationSeconds = [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
const committed: Labels = { outcome: 'committed' };
const aborted: Labels = { outcome: 'aborted' };

export class TransactionMetrics {
  /** Asked at each scrape. */
  readonly ids: Gauge;
  readonly open: Gauge;
  readonly ending: Gauge;
  readonly loadSeconds: Histogram;
  readonly #decided: Counter;
  readonly #timeouts: Counter;
  readonly #markerSeconds: Histogram;

  constructor(metrics: Metrics) {
    this.ids = metrics.gauge({
      name: 'millrace_transaction_ids',
      help: 'Transactional ids that this node coordinates.',
      labels: [],
    });
    this.open = metrics.gauge({
      name: 'millrace_transaction_open',
      help: 'Open transactions that this node coordinates.',
      labels: [],
    });
    this.ending = metrics.gauge({
      name: 'millrace_transaction_ending',
      help: 'Transactions that are decided, and whose partitions do not all know it yet.',
      labels: [],
    });
    this.loadSeconds = metrics.histogram({
      name: 'millrace_transaction_load_duration_seconds',
      help: 'From taking over a partition of transactional ids to serving it.',
      labels: [],
      buckets: durationSeconds,
    });
    this.#decided = metrics.counter({
      name: 'millrace_transaction_decided_total',
      help: 'Transactions that were committed or aborted.',
      labels: ['outcome'],
    });
    this.#timeouts = metrics.counter({
      name: 'millrace_transaction_timeouts_total',
      help: 'Transactions that were aborted because they were open for too long.',
      labels: [],
    });
    this.#markerSeconds = metrics.histogram({
      name: 'millrace_transaction_marker_duration_seconds',
      help: 'From the decision of a transaction until all its partitions know it.',
      labels: [],
      buckets: durationSeconds,
    });
  }

  /** Counts what was committed to the log. */
  committed(entries: readonly TransactionEntry[]): void {
    for (const { value } of entries) {
      if (value === null || !isEnding(value)) continue;
      this.#decided.add(1, isCommit(value) ? committed : aborted);
      if (value.endedBy === 'timeout') this.#timeouts.add(1);
    }
  }

  markersWritten(durationMs: number): void {
    this.#markerSeconds.record(durationMs / 1000);
  }
}
