/** What the group coordinator measures. */
import type { Counter, Gauge, Histogram, Labels, Metrics } from '@millrace/base';
import { rebalanceTriggers } from '@millrace/protocol';
import type { GroupEntry } from './group-entry.js';

const durationSeconds = [0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

export class GroupMetrics {
  readonly loadSeconds: Histogram;
  /** Asked at each scrape. */
  readonly groups: Gauge;
  readonly members: Gauge;
  readonly heldHeartbeats: Gauge;
  readonly #rebalances: Counter;
  readonly #moved: Counter;
  readonly #rebalanceSeconds: Histogram;
  readonly #committed: Counter;
  readonly #expired: Counter;
  readonly #labels: ReadonlyMap<string, Labels>;

  constructor(metrics: Metrics) {
    this.groups = metrics.gauge({
      name: 'millrace_group_groups',
      help: 'Groups that this node coordinates.',
      labels: [],
    });
    this.members = metrics.gauge({ name: 'millrace_group_members', help: 'Members with a session here.', labels: [] });
    this.heldHeartbeats = metrics.gauge({
      name: 'millrace_group_held_heartbeats',
      help: 'Heartbeats that wait for something new.',
      labels: [],
    });
    this.loadSeconds = metrics.histogram({
      name: 'millrace_coordinator_load_duration_seconds',
      help: 'From taking over a partition of groups to serving it.',
      labels: [],
      buckets: durationSeconds,
    });
    this.#rebalances = metrics.counter({
      name: 'millrace_group_rebalances_total',
      help: 'Rebalances begun, by what triggered them.',
      labels: ['trigger'],
    });
    this.#moved = metrics.counter({
      name: 'millrace_group_moved_partitions_total',
      help: 'Partitions that rebalances gave another owner.',
      labels: [],
    });
    this.#rebalanceSeconds = metrics.histogram({
      name: 'millrace_group_rebalance_duration_seconds',
      help: 'From the beginning of a rebalance until every member had what it should.',
      labels: [],
      buckets: durationSeconds,
    });
    this.#committed = metrics.counter({
      name: 'millrace_group_committed_offsets_total',
      help: 'Offsets committed.',
      labels: [],
    });
    this.#expired = metrics.counter({
      name: 'millrace_group_removed_offsets_total',
      help: 'Committed offsets that were deleted or expired.',
      labels: [],
    });
    this.#labels = new Map(rebalanceTriggers.map((trigger) => [trigger, { trigger }]));
  }

  /** Counts what was committed to the log. */
  committed(entries: readonly GroupEntry[]): void {
    for (const entry of entries) {
      if (entry.type === 'offset') {
        if (entry.value === null) this.#expired.add(1);
        else this.#committed.add(1);
      } else if (entry.type === 'rebalance' && entry.value !== null) {
        const { trigger, startedMs, finishedMs, isSuperseded, movedPartitions } = entry.value;
        if (finishedMs === -1) {
          this.#rebalances.add(1, this.#labels.get(trigger));
          this.#moved.add(movedPartitions);
        } else if (!isSuperseded) {
          this.#rebalanceSeconds.record((finishedMs - startedMs) / 1000);
        }
      }
    }
  }
}
