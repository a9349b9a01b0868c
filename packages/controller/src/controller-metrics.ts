/** What a node's controller can say of the cluster. Looked up at each scrape: partitions are counted once per image. */
import type { Counter, Metrics } from '@millrace/base';
import type { RaftDriver } from '@millrace/raft';
import type { MetadataDelta } from './image/metadata-delta.js';
import type { MetadataImage } from './image/metadata-image.js';

export interface ObservedController {
  readonly image: () => MetadataImage;
  readonly isActive: () => boolean;
  /** Undefined where there is no quorum. */
  readonly raft: () => RaftDriver | undefined;
}

interface Counts {
  readonly image: MetadataImage;
  readonly offline: number;
  readonly underReplicated: number;
  readonly belowMinInsync: number;
  readonly reassigning: number;
}

export class ControllerMetrics {
  readonly #metrics: Metrics;
  readonly #elections: Counter;
  #counts: Counts | undefined;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    this.#elections = metrics.counter({
      name: 'millrace_controller_leader_elections_total',
      help: 'Changes of partition leaders that this node has learned of, for whatever reason, since it started.',
    });
  }

  observe({ image, isActive, raft }: ObservedController): void {
    const gauge = (name: string, help: string, read: () => number): void => {
      this.#metrics.gauge({ name: `millrace_${name}`, help }).observe(read);
    };
    const counts = (): Counts => this.#countsOf(image());
    const brokers = (state: string): number =>
      [...image().brokers.values()].filter((one) => one.state === state).length;
    gauge('controller_active', '1 on the node that decides for the cluster.', () => (isActive() ? 1 : 0));
    gauge('controller_active_brokers', 'Brokers that serve.', () => brokers('active'));
    gauge('controller_fenced_brokers', 'Brokers that are registered and silent.', () => brokers('fenced'));
    gauge('controller_offline_partitions', 'Partitions without a leader.', () => counts().offline);
    gauge(
      'controller_under_replicated_partitions',
      'Partitions with a replica that is not in sync.',
      () => counts().underReplicated,
    );
    gauge(
      'controller_below_min_insync_partitions',
      'Partitions that take no acknowledged records: min.insync.replicas is not met.',
      () => counts().belowMinInsync,
    );
    gauge('controller_reassigning_partitions', 'Partitions that are being moved.', () => counts().reassigning);
    gauge('controller_metadata_offset', 'Last offset of the metadata log in the image.', () => image().position - 1);
    gauge('raft_term', 'Term of the controller quorum as this node knows it; also the number of elections.', () => {
      return raft()?.leadership.term ?? 0;
    });
    gauge('raft_voters', 'Voters of the controller quorum.', () => raft()?.membership.voters.length ?? 0);
    gauge('raft_leader', '1 on the node that leads the controller quorum.', () =>
      raft()?.leadership.role === 'leader' ? 1 : 0,
    );
    gauge('raft_commit_offset', 'End of what is committed in the metadata log, as this node knows it.', () => {
      return raft()?.committedPosition ?? image().position;
    });
    gauge(
      'raft_log_end_offset',
      'End of the metadata log on this node.',
      () => raft()?.endPosition ?? image().position,
    );
    gauge('raft_uncommitted_records', 'Records of the metadata log on this node that are not committed yet.', () => {
      const driver = raft();
      return driver === undefined ? 0 : driver.endPosition - driver.committedPosition;
    });
  }

  /** Counts the partitions that got another leader. */
  noteDelta({ topicsChanged }: MetadataDelta): void {
    for (const { before, after, partitions } of topicsChanged) {
      for (const index of partitions) {
        const [was, is] = [before.partitions[index], after.partitions[index]];
        if (was !== undefined && is !== undefined && is.leader !== -1 && is.leader !== was.leader)
          this.#elections.add(1);
      }
    }
  }

  #countsOf(image: MetadataImage): Counts {
    if (this.#counts?.image === image) return this.#counts;
    let [offline, underReplicated, belowMinInsync, reassigning] = [0, 0, 0, 0];
    for (const topic of image.topics()) {
      for (const one of topic.partitions) {
        if (one.leader === -1) offline += 1;
        if (one.isr.length < one.replicas.length - one.adding.length) underReplicated += 1;
        if (one.isr.length < one.minInsyncReplicas) belowMinInsync += 1;
        if (one.adding.length + one.removing.length > 0) reassigning += 1;
      }
    }
    this.#counts = { image, offline, underReplicated, belowMinInsync, reassigning };
    return this.#counts;
  }
}
