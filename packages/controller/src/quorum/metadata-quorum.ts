/**
 * This node's part in the controller quorum: its Raft replica, the image that follows the log, and how both begin.
 *
 *     opening -> running    the directory was not empty; or the cluster was formed here; or there is one to join
 *             -> failed     what is on the disk cannot be trusted, or the disk failed later: onFailed
 *     any     -> closed
 */
import { assert, type Environment, type Logger, MillraceError } from '@millrace/base';
import {
  type Leadership,
  type Membership,
  noMembership,
  RaftDriver,
  type RaftMessage,
  type RaftTransport,
  type ReplicaKey,
} from '@millrace/raft';
import { SnapshotStore } from '@millrace/state-machine';
import type { MetadataImage } from '../image/metadata-image.js';
import { ClusterFormation } from './cluster-formation.js';
import { MetadataFollower } from './metadata-follower.js';
import { MetadataRaftStorage } from './metadata-raft-storage.js';
import { type QuorumOptions, quorumRaftSettings } from './quorum-options.js';
import { VoterAdmission } from './voter-admission.js';

export interface MetadataQuorumOptions extends QuorumOptions {
  readonly environment: Pick<Environment, 'clock' | 'files' | 'logger' | 'random'>;
  readonly nodeId: number;
  readonly snapshotEveryRecords: number;
  /** The cluster this node belongs to, when something else than the log knows. */
  readonly clusterId: string | undefined;
  readonly onImage: (image: MetadataImage) => void;
  readonly onLeadership: (leadership: Leadership) => void;
  /** Once; nothing works any more. */
  readonly onFailed: (error: unknown) => void;
}

const unknownLeadership: Leadership = { role: 'observer', term: 0, leader: undefined };

export class MetadataQuorum {
  readonly #options: MetadataQuorumOptions;
  readonly #logger: Logger;
  readonly #snapshots: SnapshotStore;
  readonly #storage: MetadataRaftStorage;
  readonly #follower: MetadataFollower;
  readonly #admission: VoterAdmission;
  readonly #formation: ClusterFormation;
  /** Between the network and whoever listens now: the formation, then the driver. */
  readonly #transport: RaftTransport;
  #driver: RaftDriver | undefined;
  #isEnded = false;
  #opening: Promise<void> = Promise.resolve();

  constructor(options: MetadataQuorumOptions) {
    const { environment, log, nodeId, directoryId, voters } = options;
    const { clock, logger } = environment;
    const voterIds = voters.map(({ id }) => id);
    const self: ReplicaKey = { id: nodeId, directoryId };
    this.#options = options;
    this.#logger = logger;
    this.#snapshots = new SnapshotStore({ environment, directory: log.directory });
    this.#storage = new MetadataRaftStorage({ environment, log, snapshots: this.#snapshots, self });
    this.#admission = new VoterAdmission({ driver: () => this.#driver, voterIds, clock, logger });
    this.#transport = tapped(options.transport, (message) => {
      this.#admission.onMessage(message);
    });
    this.#formation = new ClusterFormation({ self, voterIds, transport: this.#transport, clock, logger });
    this.#follower = new MetadataFollower({
      snapshots: this.#snapshots,
      logger,
      snapshotEveryRecords: options.snapshotEveryRecords,
      onImage: (image) => {
        this.#onImage(image);
      },
      syncLog: () => this.#storage.sync(),
      onSnapshot: (safeStart) => {
        if (!this.#isEnded) this.#driver?.advanceStart(safeStart);
      },
      onFailed: (error) => {
        this.#fail(error);
      },
    });
  }

  /** Resolves when the disk was read and this node takes part, or waits for others; a cluster is formed later. */
  async open(): Promise<void> {
    const { environment, clusterId } = this.#options;
    if (this.#storage.isEmpty) {
      this.#opening = this.#begin();
      return;
    }
    await this.#requireSameCluster();
    await this.#run();
    const known = this.#storage.clusterId;
    if (known !== undefined && clusterId !== undefined && known !== clusterId) throw otherCluster(known, clusterId);
    environment.logger.debug('The metadata log was read', { end: this.driver?.endPosition });
  }

  /** Undefined until this node takes part. */
  get driver(): RaftDriver | undefined {
    return this.#driver;
  }

  get follower(): MetadataFollower {
    return this.#follower;
  }

  get leadership(): Leadership {
    return this.#driver?.leadership ?? unknownLeadership;
  }

  get membership(): Membership {
    return this.#driver?.membership ?? noMembership;
  }

  /** As the log told, now or before a restart. */
  get clusterId(): string | undefined {
    return this.#follower.image.clusterId ?? this.#storage.clusterId;
  }

  /** How many are configured. */
  get voterCount(): number {
    return this.#options.voters.length;
  }

  /** How many of the configured voters make a majority. */
  get majority(): number {
    return Math.floor(this.voterCount / 2) + 1;
  }

  async close(): Promise<void> {
    this.#isEnded = true;
    this.#formation.cancel();
    this.#admission.close();
    await Promise.allSettled([this.#opening]);
    await this.#driver?.close();
    await this.#follower.close();
  }

  async #begin(): Promise<void> {
    try {
      const outcome = await this.#formation.decide();
      if (this.#isEnded) return;
      if (outcome === 'form') {
        this.#logger.info('All voters are there and know of no cluster: forming one');
        await this.#storage.form();
      }
      await this.#run();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Where the disk's voters are not those that were configured, they may be another cluster's: before anything is written. */
  async #requireSameCluster(): Promise<void> {
    const { voters, nodeId, requireSameCluster } = this.#options;
    const stored = await this.#storage.storedVoters();
    const others = voters.map(({ id }) => id).filter((id) => id !== nodeId);
    if (others.every((id) => stored.some((voter) => voter.id === id))) return;
    await requireSameCluster?.(others);
  }

  async #run(): Promise<void> {
    const { environment, nodeId, directoryId, voters, raft } = this.#options;
    const { clock, random, logger } = environment;
    await this.#storage.load();
    if (this.#isEnded) return;
    this.#follower.load(this.#storage.loadedSnapshot);
    const driver = await RaftDriver.open({
      self: { id: nodeId, directoryId },
      storage: this.#storage,
      transport: this.#transport,
      clock,
      random: random.stream('raft'),
      logger,
      settings: { ...quorumRaftSettings, ...raft },
      bootstrapIds: voters.map(({ id }) => id),
      listener: {
        onCommitted: (entry) => {
          this.#follower.onCommitted(entry);
        },
        onSnapshotInstalled: ({ position }) => {
          void this.#follower.onSnapshotInstalled(position, this.#storage.settled());
        },
        onLeadership: (leadership) => {
          this.#options.onLeadership(leadership);
        },
        onFailed: (error) => {
          this.#fail(error);
        },
      },
    });
    this.#driver = driver;
    if (this.#hasEnded()) await driver.close();
  }

  /** As it is by now. */
  #hasEnded(): boolean {
    return this.#isEnded;
  }

  #onImage(image: MetadataImage): void {
    const { clusterId } = image;
    const expected = this.#options.clusterId ?? this.#storage.clusterId;
    if (clusterId !== undefined && expected !== undefined && clusterId !== expected) {
      throw otherCluster(clusterId, expected);
    }
    if (clusterId !== undefined && this.#storage.clusterId === undefined) this.#storage.rememberClusterId(clusterId);
    this.#options.onImage(image);
  }

  #fail(error: unknown): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#formation.cancel();
    this.#admission.close();
    void this.#driver?.close();
    this.#options.onFailed(error);
  }
}

/** The same transport, with a look at what comes in. */
function tapped(transport: RaftTransport, look: (message: RaftMessage) => void): RaftTransport {
  const tap: RaftTransport = {
    onMessage: undefined,
    send: (to, message) => {
      transport.send(to, message);
    },
  };
  assert(transport.onMessage === undefined, 'a transport of Raft messages has one listener');
  transport.onMessage = (message) => {
    tap.onMessage?.(message);
    look(message);
  };
  return tap;
}

function otherCluster(found: string, expected: string): MillraceError {
  return new MillraceError(
    'INCONSISTENT_CLUSTER_ID',
    `The metadata belongs to cluster ${found}, and this node to cluster ${expected}. It must not take part in both.`,
  );
}
