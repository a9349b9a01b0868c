/**
 * All that this node follows, by leader: one fetcher for each node that leads something it has a replica of.
 */
import type { Partition } from '../partition/partition.js';
import type { LeaderFetcher } from './leader-fetcher.js';

export interface ReplicaFetchersOptions {
  readonly open: (leader: number) => LeaderFetcher;
}

export class ReplicaFetchers {
  readonly #options: ReplicaFetchersOptions;
  readonly #byLeader = new Map<number, LeaderFetcher>();
  readonly #leaderOf = new Map<Partition, number>();

  constructor(options: ReplicaFetchersOptions) {
    this.#options = options;
  }

  /** The partition's part in the cluster may have changed. */
  update(partition: Partition): void {
    const before = this.#leaderOf.get(partition);
    const leader = partition.following?.leader;
    if (before !== undefined && before !== leader) this.forget(partition);
    if (leader === undefined) return;
    this.#leaderOf.set(partition, leader);
    let fetcher = this.#byLeader.get(leader);
    if (fetcher === undefined) {
      fetcher = this.#options.open(leader);
      this.#byLeader.set(leader, fetcher);
    }
    fetcher.add(partition);
  }

  forget(partition: Partition): void {
    const leader = this.#leaderOf.get(partition);
    if (leader === undefined) return;
    this.#leaderOf.delete(partition);
    this.#byLeader.get(leader)?.remove(partition);
  }

  moved(partition: Partition): void {
    const leader = this.#leaderOf.get(partition);
    if (leader !== undefined) this.#byLeader.get(leader)?.moved(partition);
  }

  /** Something about the node is new: its address, its state. */
  wake(nodeId: number): void {
    this.#byLeader.get(nodeId)?.wake();
  }

  close(): void {
    for (const fetcher of this.#byLeader.values()) fetcher.close();
    this.#byLeader.clear();
    this.#leaderOf.clear();
  }
}
