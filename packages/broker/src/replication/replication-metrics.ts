/** What replication measures, on both sides. Labels are node ids of the cluster: there are few of them. */
import type { Counter, Gauge, Labels, Metrics } from '@millrace/base';

export class ReplicationMetrics {
  /** Asked at each scrape. */
  readonly underReplicated: Gauge;
  readonly underMinInSync: Gauge;
  readonly maxLagRecords: Gauge;
  readonly leaderPartitions: Gauge;
  readonly fencedBroker: Gauge;
  readonly #followerLag: Gauge;
  readonly #shrinks: Counter;
  readonly #expands: Counter;
  readonly #bytesIn: Counter;
  readonly #bytesOut: Counter;
  readonly #failures: Counter;
  readonly #nodeLabels = new Map<number, Labels>();

  constructor(metrics: Metrics) {
    const counter = (name: string, help: string, labels: readonly string[] = []): Counter =>
      metrics.counter({ name: `millrace_${name}`, help, labels });
    const gauge = (name: string, help: string, labels: readonly string[] = []): Gauge =>
      metrics.gauge({ name: `millrace_${name}`, help, labels });
    this.leaderPartitions = gauge('leader_partitions', 'Partitions this node leads.');
    this.underReplicated = gauge(
      'under_replicated_partitions',
      'Partitions this node leads that have replicas out of sync.',
    );
    this.underMinInSync = gauge(
      'under_min_isr_partitions',
      'Partitions this node leads that have fewer replicas in sync than min.insync.replicas.',
    );
    this.maxLagRecords = gauge('replica_max_lag_records', 'Records that the slowest follower of this node lacks.');
    this.fencedBroker = gauge('broker_fenced', '1 while the controller keeps this node from leading anything.');
    this.#followerLag = gauge(
      'replica_lag_records',
      'Records of all partitions this node leads that a follower lacks.',
      ['follower'],
    );
    this.#shrinks = counter('isr_shrinks_total', 'Changes of in-sync sets after which they were smaller.');
    this.#expands = counter('isr_expands_total', 'Changes of in-sync sets after which they were larger.');
    this.#bytesIn = counter('replication_received_bytes_total', 'Bytes of record batches fetched from leaders.');
    this.#bytesOut = counter('replication_sent_bytes_total', 'Bytes of record batches sent to followers.');
    this.#failures = counter(
      'replica_fetch_failures_total',
      'Fetches from a leader that failed, and partitions of them.',
      ['leader'],
    );
  }

  inSyncSetChanged(before: number, after: number): void {
    if (after < before) this.#shrinks.add(1);
    else if (after > before) this.#expands.add(1);
  }

  received(bytes: number): void {
    this.#bytesIn.add(bytes);
  }

  sent(bytes: number): void {
    this.#bytesOut.add(bytes);
  }

  fetchFailed(leader: number): void {
    this.#failures.add(1, this.#labelsOf(leader, 'leader'));
  }

  followerLag(follower: number, records: number): void {
    this.#followerLag.set(records, this.#labelsOf(follower, 'follower'));
  }

  #labelsOf(nodeId: number, name: 'leader' | 'follower'): Labels {
    const key = name === 'leader' ? nodeId : -1 - nodeId;
    let labels = this.#nodeLabels.get(key);
    if (labels === undefined) {
      labels = { [name]: String(nodeId) };
      this.#nodeLabels.set(key, labels);
    }
    return labels;
  }
}
