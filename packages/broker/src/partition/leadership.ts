/**
 * What a node knows as leader of one partition in one leader epoch: how far each follower is, who is in sync, how far
 * all of them are. Made when the office is taken, thrown away when it ends: nothing learned in one epoch counts in
 * another, for a follower may have been cut, or have come back with an empty disk, between the two.
 *
 * Rules (guarantees A4 to A12):
 * - the high watermark is the lowest reported end offset over the maximal in-sync set, the leader's own included;
 * - it stands still while fewer than `minInsyncReplicas` are committed as in sync: the eligible leader replicas, of which
 *   one may be elected then, are not asked whether they have what lies beyond;
 * - until it has reached `epochStartOffset`, records that earlier leaders acknowledged may lie above it: no reader is told
 *   that it is the end;
 * - who joins the in-sync set has fetched in this epoch, and has all up to both of these;
 * - the high watermark waits for a follower that is about to join, as Kafka's does: what the follower reports is as old as
 *   its link is long, and under writes that never pause it would always be behind those that are nearer.
 */
import { assert } from '@millrace/base';
import { nextHighWatermark } from './high-watermark.js';
import { InSyncSet, type InSyncProposal, isSameSet } from './in-sync-set.js';
import { type FollowerPosition, type LeaderMoment, ReplicaProgress } from './replica-progress.js';

/** What the cluster's metadata says of the partition. */
export interface PartitionAssignment {
  /** -1: none. */
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly partitionEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  readonly minInsyncReplicas: number;
}

export interface LeadershipOptions {
  readonly nodeId: number;
  readonly assignment: PartitionAssignment;
  /** Where the log ended when the office was taken. */
  readonly epochStartOffset: number;
  readonly nowMs: number;
}

/** A broker as far as in-sync sets go; undefined when it may not be in one: fenced, stopping, or not registered. */
export type EligibleBrokerEpoch = (nodeId: number) => number | undefined;

export class Leadership {
  readonly leaderEpoch: number;
  readonly epochStartOffset: number;
  readonly inSync: InSyncSet;
  readonly #nodeId: number;
  readonly #sinceMs: number;
  /** All replicas but the leader. */
  readonly #followers = new Map<number, ReplicaProgress>();
  #replicas: readonly number[] = [];
  #minInsyncReplicas: number;

  constructor({ nodeId, assignment, epochStartOffset, nowMs }: LeadershipOptions) {
    assert(assignment.leader === nodeId, `node ${nodeId} takes an office that is node ${assignment.leader}'s`);
    this.leaderEpoch = assignment.leaderEpoch;
    this.epochStartOffset = epochStartOffset;
    this.inSync = new InSyncSet(assignment);
    this.#nodeId = nodeId;
    this.#sinceMs = nowMs;
    this.#minInsyncReplicas = assignment.minInsyncReplicas;
    this.#setReplicas(assignment.replicas, nowMs);
  }

  get replicas(): readonly number[] {
    return this.#replicas;
  }

  get minInsyncReplicas(): number {
    return this.#minInsyncReplicas;
  }

  /** Whether enough replicas are in sync that what they all have counts as committed. */
  get hasEnoughInSync(): boolean {
    return this.inSync.isr.length >= this.#minInsyncReplicas;
  }

  get isUnderReplicated(): boolean {
    return this.inSync.isr.length < this.#replicas.length;
  }

  get followers(): Iterable<ReplicaProgress> {
    return this.#followers.values();
  }

  follower(nodeId: number): ReplicaProgress | undefined {
    return this.#followers.get(nodeId);
  }

  /** The metadata moved on, in the same leader epoch. What is older than what the controller answered is passed over. */
  update(assignment: PartitionAssignment, nowMs: number): void {
    assert(assignment.leaderEpoch === this.leaderEpoch, 'a leadership lasts for one epoch');
    if (assignment.partitionEpoch < this.inSync.partitionEpoch) return;
    this.inSync.adopt(assignment);
    this.#minInsyncReplicas = assignment.minInsyncReplicas;
    this.#setReplicas(assignment.replicas, nowMs);
  }

  /** False when the fetch does not count: of no replica, or of an earlier process of one. */
  noteFetch(nodeId: number, position: FollowerPosition, leader: LeaderMoment): boolean {
    return this.#followers.get(nodeId)?.noteFetch(position, leader) ?? false;
  }

  /** From the one before; `joining` is what `aboutToJoin` says now. */
  highWatermark(current: number, { ownEndOffset, durability, joining }: CommitFacts): number {
    if (!this.hasEnoughInSync) return current;
    const endOffsets = this.inSync.maximal.map((member) =>
      member === this.#nodeId ? ownEndOffset : this.#reported(member, durability),
    );
    for (const follower of joining) endOffsets.push(this.#reported(follower, durability));
    return nextHighWatermark(current, endOffsets);
  }

  /** Followers that are not in sync, had everything in the last `withinMs`, and may join. */
  aboutToJoin(nowMs: number, withinMs: number, eligibleEpoch: EligibleBrokerEpoch): readonly number[] {
    if (!this.isUnderReplicated) return [];
    return this.#replicas.filter((replica) => {
      const progress = this.#followers.get(replica);
      if (progress === undefined || this.inSync.maximal.includes(replica)) return false;
      return progress.hasCaughtUpSince(withinMs, nowMs) && eligibleEpoch(replica) === progress.brokerEpoch;
    });
  }

  /** Nothing before it can be seen any more, whoever of those in sync leads next. */
  lowWatermark(ownStartOffset: number): number {
    let lowest = ownStartOffset;
    for (const member of this.inSync.maximal) {
      const progress = this.#followers.get(member);
      if (progress !== undefined) lowest = Math.min(lowest, progress.logStartOffset);
    }
    return lowest;
  }

  /**
   * The change of the in-sync set that should be proposed now, if any: first those leave who lag for longer than
   * `maxLagMs`, as far as that can be said now; then those join who have all. A doubt is settled by asking again.
   */
  propose(leader: LeaderMoment, wish: InSyncWish): InSyncProposal | undefined {
    if (this.inSync.isInFlight) return undefined;
    const staying = wish.maxLagMs === undefined ? this.inSync.isr : this.#notLagging(leader, wish.maxLagMs);
    const joining = this.#isOpen(wish.highWatermark)
      ? this.#replicas.filter((replica) => !this.inSync.isr.includes(replica) && this.#mayJoin(replica, leader, wish))
      : [];
    // Leaving and joining are two changes: a join waits, so that a shrink never waits for a replica that may be refused.
    const isr = staying.length < this.inSync.isr.length ? staying : [...staying, ...joining];
    if (isSameSet(isr, this.inSync.isr) && !this.inSync.isInDoubt) return undefined;
    return this.inSync.propose(isr);
  }

  #reported(follower: number, durability: LeaderMoment['durability']): number {
    return this.#followers.get(follower)?.reportedEndOffset(durability) ?? -1;
  }

  /**
   * Whether anybody may join. The high watermark has to reach the start of the epoch first, unless it stands still for want
   * of replicas in sync: then it could never get there without somebody who joins. Who joins has all up to the start of the
   * epoch in either case, and so all that earlier leaders acknowledged.
   */
  #isOpen(highWatermark: number): boolean {
    return highWatermark >= this.epochStartOffset || !this.hasEnoughInSync;
  }

  #notLagging(leader: LeaderMoment, maxLagMs: number): readonly number[] {
    return this.inSync.isr.filter((member) => {
      const progress = this.#followers.get(member);
      return progress === undefined || progress.lagMs(leader) <= maxLagMs;
    });
  }

  #mayJoin(replica: number, { durability }: LeaderMoment, { highWatermark, eligibleEpoch }: InSyncWish): boolean {
    const progress = this.#followers.get(replica);
    if (progress === undefined || progress.brokerEpoch === -1) return false;
    if (progress.reportedEndOffset(durability) < Math.max(highWatermark, this.epochStartOffset)) return false;
    return eligibleEpoch(replica) === progress.brokerEpoch;
  }

  #setReplicas(replicas: readonly number[], nowMs: number): void {
    const isFirst = this.#replicas.length === 0;
    this.#replicas = replicas;
    for (const replica of replicas) {
      if (replica === this.#nodeId || this.#followers.has(replica)) continue;
      this.#followers.set(replica, new ReplicaProgress(replica, isFirst ? this.#sinceMs : nowMs));
    }
    for (const replica of this.#followers.keys()) if (!replicas.includes(replica)) this.#followers.delete(replica);
  }
}

export interface CommitFacts {
  /** How far the leader itself has what the durability asks for. */
  readonly ownEndOffset: number;
  readonly durability: LeaderMoment['durability'];
  readonly joining: readonly number[];
}

export interface InSyncWish {
  readonly highWatermark: number;
  /** Undefined: lag is not judged now. */
  readonly maxLagMs: number | undefined;
  readonly eligibleEpoch: EligibleBrokerEpoch;
}
