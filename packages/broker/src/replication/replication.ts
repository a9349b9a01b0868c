/**
 * Replication as a whole: puts together what leads, what follows, and who asks the controller for other in-sync sets.
 */
import { assert, type Environment } from '@millrace/base';
import { NodeChannel } from '@millrace/client';
import type { BrokerImage } from '@millrace/controller/image';
import { type NodeCredentials, protocolError, replicaFetchApi, SlabPool } from '@millrace/protocol';
import type { ControllerGateway } from '../controller-gateway.js';
import { EndOfTurn } from '../partition/end-of-turn.js';
import type { PartitionHost } from '../partition/partition-host.js';
import type { Partition } from '../partition/partition.js';
import { SyncSchedule } from '../partition/sync-schedule.js';
import { CatchUpThrottle } from './catch-up-throttle.js';
import { InSyncChangeSender } from './in-sync-changes.js';
import { InSyncWatch } from './in-sync-watch.js';
import { type FetchSettings, LeaderFetcher, type ReplicaSource } from './leader-fetcher.js';
import { ReplicaFetchers } from './replica-fetchers.js';
import type { ReplicationMetrics } from './replication-metrics.js';

export interface ReplicationOptions {
  readonly environment: Environment;
  readonly settings: FetchSettings & { readonly replicaLagMaxMs: number; readonly keptReplicaBytes: number };
  readonly controller: ControllerGateway;
  readonly metrics: ReplicationMetrics;
  readonly nodeId: number;
  /** Of this node's registration. */
  readonly brokerEpoch: () => number;
  /** As whom it connects to other nodes. */
  readonly credentials: () => NodeCredentials;
  readonly partitions: () => Iterable<Partition>;
}

export class Replication {
  /** What partitions need of it. */
  readonly partitionHost: PartitionHost;
  readonly #options: ReplicationOptions;
  readonly #changes: InSyncChangeSender;
  readonly #watch: InSyncWatch;
  readonly #fetchers: ReplicaFetchers;
  readonly #turns: EndOfTurn;
  readonly #throttle = new CatchUpThrottle();
  readonly #channels = new Map<number, NodeChannel>();
  readonly #slabs: SlabPool;
  #isStopped = false;

  constructor(options: ReplicationOptions) {
    const { environment, settings, controller, metrics, nodeId, brokerEpoch } = options;
    const { clock, logger, random } = environment;
    this.#options = options;
    this.#slabs = new SlabPool({ maxFreeBytes: settings.keptReplicaBytes });
    this.#turns = new EndOfTurn(clock);
    const registered = (id: number): BrokerImage | undefined => controller.image.brokers.get(id);
    this.#changes = new InSyncChangeSender({
      nodeId,
      clock,
      logger,
      random: random.stream('in-sync changes'),
      brokerEpoch,
      eligibleEpoch: (id) => (registered(id)?.state === 'active' ? registered(id)?.brokerEpoch : undefined),
      registeredEpoch: (id) => registered(id)?.brokerEpoch,
      alterPartition: (request) => controller.alterPartition(request),
    });
    this.#watch = new InSyncWatch({ clock, maxLagMs: settings.replicaLagMaxMs, partitions: options.partitions });
    this.#fetchers = new ReplicaFetchers({ open: (leader) => this.#openFetcher(leader) });
    this.partitionHost = {
      nodeId,
      clock,
      logger,
      syncs: new SyncSchedule(clock),
      wakes: this.#turns,
      inSyncChanges: this.#changes,
      replicaLagMaxMs: settings.replicaLagMaxMs,
      onReplicaMoved: (partition) => this.#fetchers.moved(partition),
      onInSyncSetChanged: (before, after) => metrics.inSyncSetChanged(before, after),
    };
    this.#observe();
  }

  start(): void {
    this.#watch.start();
  }

  /** Follows nobody any more, and proposes nothing. */
  stop(): void {
    this.#isStopped = true;
    this.#watch.stop();
    this.#changes.close();
    this.#fetchers.close();
    for (const channel of this.#channels.values()) void channel.close();
    this.#channels.clear();
  }

  /** The partition may lead now, or follow, or do neither. */
  onRole(partition: Partition): void {
    if (!this.#isStopped) this.#fetchers.update(partition);
  }

  /** A broker registered, changed or is gone. */
  onBroker(nodeId: number, broker: BrokerImage | undefined): void {
    const { partitions } = this.#options;
    if (nodeId === this.#options.nodeId || this.#isStopped) return;
    const address = internalAddressOf(broker);
    if (address !== undefined) this.#channels.get(nodeId)?.setAddress(address);
    this.#fetchers.wake(nodeId);
    if (broker?.state !== 'active') return;
    // It may join in-sync sets now, and what it fetched before said so already.
    for (const partition of partitions()) {
      if (partition.leadership?.isUnderReplicated === true) partition.considerInSyncSet(undefined);
    }
  }

  /** Whether some other node could take over what this one leads. */
  hasOthers(): boolean {
    for (const { nodeId, state } of this.#options.controller.image.brokers.values()) {
      if (nodeId !== this.#options.nodeId && state === 'active') return true;
    }
    return false;
  }

  #openFetcher(leader: number): LeaderFetcher {
    const { environment, settings, metrics, nodeId, brokerEpoch } = this.#options;
    const { clock, logger, random } = environment;
    return new LeaderFetcher({
      nodeId,
      leader,
      source: this.#sourceOf(leader),
      clock,
      logger,
      random: random.stream(`fetcher of node ${leader}`),
      metrics,
      turns: this.#turns,
      throttle: this.#throttle,
      brokerEpoch,
      settings,
    });
  }

  #sourceOf(leader: number): ReplicaSource {
    return {
      fetch: async (request, timeoutMs) => this.#channelTo(leader).call(replicaFetchApi, request, [], { timeoutMs }),
    };
  }

  /** Throws while nobody knows where the node is. */
  #channelTo(nodeId: number): NodeChannel {
    const { environment, controller, credentials } = this.#options;
    assert(!this.#isStopped, 'nothing is fetched after the stop');
    let channel = this.#channels.get(nodeId);
    if (channel === undefined) {
      const address = internalAddressOf(controller.image.brokers.get(nodeId));
      if (address === undefined) {
        throw protocolError('BROKER_NOT_AVAILABLE', `Node ${nodeId} has no internal listener that is known here.`);
      }
      channel = new NodeChannel({ environment, address, nodeId, credentials, slabs: this.#slabs });
      this.#channels.set(nodeId, channel);
    }
    return channel;
  }

  #observe(): void {
    const { metrics, partitions } = this.#options;
    const count = (matches: (partition: Partition) => boolean | undefined): number => {
      let matching = 0;
      for (const partition of partitions()) if (matches(partition) === true) matching++;
      return matching;
    };
    metrics.leaderPartitions.observe(() => count(({ leadership }) => leadership !== undefined));
    metrics.underReplicated.observe(() => count(({ leadership }) => leadership?.isUnderReplicated));
    metrics.underMinInSync.observe(() => count(({ leadership }) => leadership?.hasEnoughInSync === false));
    metrics.maxLagRecords.observe(() => this.#noteLags());
  }

  /** Returns the largest. */
  #noteLags(): number {
    const { metrics, partitions } = this.#options;
    const lags = new Map<number, number>();
    let largest = 0;
    for (const { leadership, log } of partitions()) {
      for (const { nodeId, endOffset } of leadership?.followers ?? []) {
        const lag = log.endOffset - Math.max(endOffset, log.startOffset);
        largest = Math.max(largest, lag);
        lags.set(nodeId, (lags.get(nodeId) ?? 0) + lag);
      }
    }
    for (const [nodeId, lag] of lags) metrics.followerLag(nodeId, lag);
    return largest;
  }
}

function internalAddressOf(broker: BrokerImage | undefined): { host: string; port: number } | undefined {
  if (broker?.internalHost === undefined || broker.internalHost === null) return undefined;
  return { host: broker.internalHost, port: broker.internalPort };
}
