/**
 * One replica of a partition on this node: its log, its part in the partition, how far readers may read, and who waits
 * for that to move.
 *
 *     log start        high watermark      synced end       end
 *     |---- committed ------|--- being synced ---|--- in memory ---|
 *
 *     no part --> leads in epoch e     this node is named leader, and no cut of its log is under way
 *             \-> follows in epoch e   another node is named leader
 *     each    --> no part              a newer leader epoch, another leader, none
 *
 * Invariants:
 * - the high watermark never falls in one leader epoch and, with durability `fsync`, never passes the synced end offset
 *   of any member of the maximal in-sync set: nothing is acknowledged or served that a power cut could take away;
 * - clients' records are appended only while it leads, the leader's only while it follows, in the epoch of that part;
 * - one sync of the log is under way at a time, and another follows as long as there is something not synced;
 * - after the log failed (`KAFKA_STORAGE_ERROR`) every waiter has been told and nothing is appended any more.
 *
 * A produce request with acks all waits for the high watermark, one with acks 1 until this node alone has its records
 * as the durability asks. With one replica these are the same moment.
 */
import type { MillraceError, Timer } from '@millrace/base';
import { assert, errorMessage } from '@millrace/base';
import { BatchView } from '@millrace/record';
import type { AppendMemory, AppendResult, PartitionLog } from '@millrace/storage';
import type { CommitWaiter } from '../waiting/commit-queue.js';
import type { CommitGoal } from '../waiting/pending-produce.js';
import type { Divergence, FetchPosition } from './divergence.js';
import { followedHighWatermark } from './high-watermark.js';
import type { InSyncProposal } from './in-sync-set.js';
import { Leadership, type PartitionAssignment } from './leadership.js';
import { LogCut } from './log-cut.js';
import { LogSync } from './log-sync.js';
import type { Following, PartitionHost, PartitionOptions, PartitionPolicy, ProposalOutcome } from './partition-host.js';
import * as refusal from './partition-refusals.js';
import { PartitionWaiters, type Reader, type ReaderSource } from './partition-waiters.js';
import type { FollowerPosition, LeaderMoment } from './replica-progress.js';

/**
 * For how long the high watermark waits for a follower that had everything and is not in sync. A round trip and a sync
 * are enough for it to join; whoever takes longer is not waited for until it has caught up again.
 */
const joinWaitMaxMs = 1000;

export class Partition {
  readonly topicId: string;
  readonly topicName: string;
  readonly index: number;
  readonly log: PartitionLog;
  readonly #host: PartitionHost;
  readonly #waiters = new PartitionWaiters();
  readonly #cut: LogCut;
  readonly #sync: LogSync;
  #policy: PartitionPolicy;
  /** Undefined until this node may take a part. */
  #assignment: PartitionAssignment | undefined;
  #leadership: Leadership | undefined;
  #following: Following | undefined;
  #highWatermark: number;
  /** Runs while the high watermark may stand below what all in sync have, for one that is about to join. */
  #waitForJoin: Timer | undefined;
  #closed = false;
  #isOffline = false;
  constructor(options: PartitionOptions) {
    const { log, host, highWatermark } = options;
    this.topicId = options.topicId;
    this.topicName = options.topicName;
    this.index = options.index;
    this.log = log;
    this.#host = host;
    this.#policy = options.policy;
    this.#highWatermark = Math.max(log.startOffset, Math.min(highWatermark, log.syncedEndOffset));
    this.#cut = new LogCut({
      log,
      logger: host.logger,
      facts: () => this.#facts,
      endsAt: (endOffset) => {
        this.#highWatermark = Math.max(log.startOffset, Math.min(this.#highWatermark, endOffset));
      },
    });
    this.#sync = new LogSync({
      log,
      clock: host.clock,
      isOver: () => this.#closed,
      onFailed: (error) => this.#wentOffline(error),
    });
    log.onSynced = () => this.#synced();
    log.onOffline = (reason) => this.#wentOffline(reason);
    if (log.syncedEndOffset < log.endOffset) host.syncs.request(this);
  }

  /** As people name it. */
  get label(): string {
    return `${this.topicName}-${this.index}`;
  }

  get highWatermark(): number {
    return this.#highWatermark;
  }

  get leaderEpoch(): number {
    return this.#assignment?.leaderEpoch ?? -1;
  }

  get policy(): PartitionPolicy {
    return this.#policy;
  }

  /** Whether the in-sync set has this node, as far as it knows. */
  get isInSync(): boolean {
    return this.#assignment?.isr.includes(this.#host.nodeId) === true;
  }

  /** Undefined unless this node leads. */
  get leadership(): Leadership | undefined {
    return this.#leadership;
  }

  /** Undefined unless this node follows another. */
  get following(): Following | undefined {
    return this.#following;
  }

  /** Whether this node is to lead and another could: which it should, when this one's log has failed. */
  get couldBeLedElsewhere(): boolean {
    const { leader, isr } = this.#assignment ?? { leader: -1, isr: [] };
    return leader === this.#host.nodeId && isr.length > 1;
  }

  /** While the end of the log is being cut off: what the log says of itself is of no use. Resolves when it is done. */
  get beingCut(): Promise<void> | undefined {
    return this.#cut.underWay;
  }

  get isOffline(): boolean {
    return this.#isOffline || this.log.isOffline;
  }

  /** See `PartitionWaiters`. */
  get visibleBytes(): number {
    return this.#waiters.visibleBytes;
  }

  get appendedBytes(): number {
    return this.#waiters.appendedBytes;
  }

  /** As a source for fetches of followers, which are woken by what is appended. */
  get followerReads(): ReaderSource {
    return this.#waiters.followerReads;
  }

  /**
   * Throws where another replica could lead: for a node that has not heard from the controller for so long that this may
   * be so. What it serves of committed records is right all the same, only perhaps not the newest.
   */
  requireNoOtherLeader(): void {
    const reason = this.#perhapsReplaced();
    if (reason !== undefined) throw reason;
  }

  /** Those who wait for the high watermark look for the leader anew: here it may never move again. */
  giveUpCommits(): void {
    const reason = this.#leadership === undefined ? undefined : this.#perhapsReplaced();
    if (reason !== undefined) this.#waiters.failCommits(reason);
  }

  /**
   * The metadata moved on, and this node may act on it. Resolves when it does; a leader whose log is being cut takes its
   * office after that.
   */
  async update(assignment: PartitionAssignment, policy: PartitionPolicy): Promise<void> {
    const before = this.#assignment;
    this.#policy = policy;
    if (before !== undefined && assignment.leaderEpoch < before.leaderEpoch) return;
    this.#assignment = assignment;
    if (before?.leader === assignment.leader && before.leaderEpoch === assignment.leaderEpoch) {
      const sizeBefore = this.#leadership?.inSync.isr.length ?? 0;
      this.#leadership?.update(assignment, this.#nowMs);
      this.#inSyncSetMoved(sizeBefore);
      return;
    }
    this.#stepDown();
    const { leader, leaderEpoch } = assignment;
    if (leader !== this.#host.nodeId) {
      if (leader !== -1) this.#following = { leader, leaderEpoch };
      return;
    }
    if (this.#cut.underWay !== undefined) await this.#cut.underWay;
    if (assignment === this.#assignment && !this.#closed && !this.isOffline) this.#takeOffice(assignment);
  }

  /** This node must not act on the metadata any more: another process has its place. */
  takeNoPart(reason: MillraceError): void {
    this.#assignment = undefined;
    this.#leadership = undefined;
    this.#following = undefined;
    this.#waiters.failAll(reason);
  }

  /** Throws unless this node leads the partition in the epoch that the sender knows (-1: it knows none). */
  requireLeader(leaderEpoch: number): Leadership {
    const current = this.leaderEpoch;
    if (leaderEpoch > current || (leaderEpoch >= 0 && leaderEpoch < current)) {
      throw refusal.otherEpoch(this.#asked, leaderEpoch, current);
    }
    if (this.#assignment?.leader !== this.#host.nodeId) throw refusal.notLeader(this.#asked);
    this.requireOnline();
    if (this.#leadership !== undefined) return this.#leadership;
    throw refusal.aboutToLead(this.#asked);
  }

  /** Throws when the log failed: what it holds beyond the last good sync is not known. */
  requireOnline(): void {
    if (this.isOffline) throw refusal.offline(this.#asked, this.log.offlineReason);
  }

  /** Whether what is appended now could be committed. */
  get hasEnoughInSync(): boolean {
    return this.#leadership?.hasEnoughInSync === true;
  }

  /** Throws when an append with acks all could not be acknowledged anyway. */
  requireMinInSync(): void {
    const leadership = this.#leadership;
    if (leadership?.hasEnoughInSync === false) throw refusal.tooFewInSync(this.#asked, leadership);
  }

  /**
   * Throws while records that an earlier leader acknowledged may lie above the high watermark: whoever asks for the end
   * would be told less than before.
   */
  requireKnownEnd(): void {
    const leadership = this.#leadership;
    if (leadership !== undefined && this.#highWatermark < leadership.epochStartOffset)
      throw refusal.endNotKnown(this.#asked);
  }

  /**
   * Appends whole batches of a client, which are patched in place. Not durable yet: see `waitForCommit`. `memory`, in
   * which they lie, may be kept for readers.
   */
  append(batches: Uint8Array, memory?: AppendMemory): AppendResult {
    return this.#append(batches, 'client', memory);
  }

  /** Appends the end of a transaction, unless it is there: then `lastOffset` says where. */
  appendMarker(marker: Uint8Array): AppendResult {
    return this.#append(marker, 'coordinator', undefined);
  }

  #append(batches: Uint8Array, origin: 'client' | 'coordinator', memory: AppendMemory | undefined): AppendResult {
    const leadership = this.#leadership;
    assert(leadership !== undefined, `records are appended to ${this.label} while it leads`);
    const result = this.log.append(batches, { origin, leaderEpoch: leadership.leaderEpoch, memory });
    if (result.duplicate) return result;
    this.#waiters.appended(this.log.endOffset, batches.length);
    if (this.#waiters.hasFollowers) this.#host.wakes.request(this);
    if (this.#policy.durability === 'replicated') this.#advance();
    else this.#host.syncs.request(this);
    return result;
  }

  /**
   * Throws when a reader cannot go on from this offset. One between the high watermark and the end is no mistake: it
   * only has to wait, as after a change of the leader that has not heard from the others yet.
   */
  requireInRange(offset: number): void {
    const { startOffset, endOffset } = this.log;
    if (offset < startOffset || offset > endOffset) throw refusal.outOfRange(this.#asked, offset, this.log);
  }

  /** Moves the start of the log up to `beforeOffset` (-1: the high watermark), never down; returns the start. */
  async deleteRecordsBefore(beforeOffset: number): Promise<number> {
    const target = beforeOffset === -1 ? this.#highWatermark : beforeOffset;
    if (target > this.#highWatermark) throw refusal.notCommitted(this.#asked, target, this.#highWatermark);
    await this.log.advanceStartOffset(target);
    this.#waiters.disturbFollowers();
    return this.log.startOffset;
  }

  /** Until all in sync have the start of their logs where this one has it now. */
  waitForDeletion(waiter: CommitWaiter, entry: number): void {
    this.#waiters.waitForDeletion(this.log.startOffset, waiter, entry);
    if (this.#leadership === undefined) this.#waiters.failAll(refusal.leaderChanged(this.#asked));
    else this.#waiters.releaseDeletions(this.#leadership, this.log);
  }

  /** Whether the record at this offset is as safe as these acks ask for. */
  isCommitted(lastOffset: number, acks: -1 | 1): boolean {
    return lastOffset < (acks === 1 ? this.#ownEndOffset : this.#highWatermark);
  }

  waitForCommit(goal: CommitGoal, waiter: CommitWaiter, entry: number): void {
    this.#waiters.waitForCommit(goal, waiter, entry);
  }

  forgetFinishedWaiters(): void {
    this.#waiters.forgetFinished();
  }

  addReader(reader: Reader): void {
    this.#waiters.clientReads.addReader(reader);
  }

  removeReader(reader: Reader): void {
    this.#waiters.clientReads.removeReader(reader);
  }

  /** A follower's fetch, found to match this log, arrived. False when it does not count. */
  noteFetch(nodeId: number, position: FollowerPosition): boolean {
    const leadership = this.#leadership;
    if (leadership?.noteFetch(nodeId, position, this.#moment) !== true) return false;
    this.#waiters.releaseDeletions(leadership, this.log);
    this.#advance();
    if (leadership.isUnderReplicated || leadership.inSync.isInDoubt) this.considerInSyncSet(undefined);
    return true;
  }

  /** Proposes another in-sync set, when one is due. `maxLagMs` undefined: nobody is put out for lagging now. */
  considerInSyncSet(maxLagMs: number | undefined): void {
    const leadership = this.#leadership;
    const { inSyncChanges } = this.#host;
    if (leadership === undefined || this.isOffline) return;
    // Who lags is looked for seldom enough.
    if (maxLagMs === undefined && !inSyncChanges.mayPropose(this)) return;
    const { eligibleEpoch } = inSyncChanges;
    const wish = { highWatermark: this.#highWatermark, maxLagMs, eligibleEpoch };
    const proposal = leadership.propose(this.#moment, wish);
    if (proposal !== undefined) inSyncChanges.submit(this, leadership, proposal);
  }

  /** The controller's answer; one that comes after this leadership ended is passed over. */
  inSyncSetAnswered(leadership: Leadership, proposal: InSyncProposal, outcome: ProposalOutcome): void {
    if (leadership !== this.#leadership) return;
    const { inSync } = leadership;
    const before = inSync.isr.length;
    if (outcome.kind === 'refused') inSync.refused(proposal);
    else if (outcome.kind === 'unknown' || outcome.leaderEpoch !== leadership.leaderEpoch) inSync.unknown(proposal);
    else if (!inSync.adopt(outcome.inSync)) inSync.unknown(proposal);
    this.#inSyncSetMoved(before);
  }

  /** What the next fetch from the leader says of this log. */
  fetchPosition(): FetchPosition & { readonly syncedEndOffset: number; readonly logStartOffset: number } {
    const { endOffset, leaderEpoch, syncedEndOffset, startOffset } = this.log;
    return { fetchOffset: endOffset, lastFetchedEpoch: leaderEpoch, syncedEndOffset, logStartOffset: startOffset };
  }

  /** Appends what the leader sent, unless this node follows it no more. Throws what is wrong with it. */
  appendReplicated(following: Following, batches: Uint8Array): void {
    if (!this.#isFollowed(following)) return;
    this.log.append(batches, { origin: 'replica', leaderEpoch: following.leaderEpoch });
    if (this.#policy.durability === 'fsync') this.#host.syncs.request(this);
  }

  /** The leader's high watermark and log start, which came with a reply. */
  noteLeader(following: Following, leader: { readonly highWatermark: number; readonly logStartOffset: number }): void {
    if (!this.#isFollowed(following)) return;
    const { highWatermark, logStartOffset } = leader;
    this.#highWatermark = followedHighWatermark(this.#highWatermark, highWatermark, this.log.endOffset);
    if (logStartOffset <= this.log.startOffset || logStartOffset > this.#highWatermark) return;
    this.log.advanceStartOffset(logStartOffset).then(
      () => this.#host.onReplicaMoved(this),
      (error: unknown) => {
        const message = 'start of a log not moved; the next fetch tries again';
        this.#host.logger.warn(message, { partition: this.label, error: errorMessage(error) });
      },
    );
  }

  /** Cuts off what the leader does not have. Returns false when the answer of the leader would cut nothing. */
  async cutAt(following: Following, divergence: Divergence): Promise<boolean> {
    return !this.#isFollowed(following) || (await this.#cut.at(divergence, this.#highWatermark));
  }

  /** Begins anew at the leader's log start, where this log has nothing that the leader still has. */
  async restartAt(following: Following, logStartOffset: number): Promise<void> {
    if (this.#isFollowed(following)) await this.#cut.all(logStartOffset);
  }

  /** Begins anew with batches of which the first begins below the start of this log, where this log is empty. */
  async restartWith(following: Following, batches: Uint8Array): Promise<void> {
    const { baseOffset } = new BatchView().at(batches, 0);
    const highWatermark = this.#highWatermark;
    await this.restartAt(following, baseOffset);
    if (!this.#isFollowed(following) || this.log.endOffset !== baseOffset) return;
    this.appendReplicated(following, batches);
    // It fell with the end of the log, which was never really there.
    this.#highWatermark = Math.min(Math.max(highWatermark, this.#highWatermark), this.log.endOffset);
  }

  runAtEndOfTurn(): void {
    this.#waiters.wakeFollowers();
  }

  /** See `LogSync`. */
  startSync(): void {
    if (!this.isOffline) this.#sync.start();
  }

  settled(): Promise<void> {
    this.startSync();
    return this.#sync.underWay ?? Promise.resolve();
  }

  /** Whether a sync of the log has not come back for so long that the disk may never answer. */
  get isStuck(): boolean {
    return this.#sync.isStuck;
  }

  /** The partition is not served here any more: tells all who wait. The log stays with its owner. */
  close(reason: MillraceError): void {
    this.#closed = true;
    this.#waitForJoin?.cancel();
    this.log.onSynced = undefined;
    this.log.onOffline = undefined;
    this.#leadership = undefined;
    this.#following = undefined;
    this.#waiters.failAll(reason);
  }

  /** Whether this is still so, and the log can be appended to and cut. */
  #isFollowed(following: Following): boolean {
    return following === this.#following && this.#cut.underWay === undefined;
  }

  #perhapsReplaced(): MillraceError | undefined {
    if ((this.#assignment?.replicas.length ?? 0) < 2) return undefined;
    return refusal.perhapsReplaced(this.#asked);
  }

  #takeOffice(assignment: PartitionAssignment): void {
    const { nodeId, logger } = this.#host;
    const epochStartOffset = this.log.endOffset;
    this.#leadership = new Leadership({ nodeId, assignment, epochStartOffset, nowMs: this.#nowMs });
    logger.debug('leads a partition', { ...this.#facts, epochStartOffset, highWatermark: this.#highWatermark });
    if (this.log.syncedEndOffset < epochStartOffset) this.#host.syncs.request(this);
    this.#advance();
  }

  #stepDown(): void {
    this.#following = undefined;
    if (this.#leadership === undefined) return;
    this.#leadership = undefined;
    this.#waiters.failAll(refusal.leaderChanged(this.#asked));
  }

  /** After the in-sync set, or what of it is known, may have changed. */
  #inSyncSetMoved(sizeBefore: number): void {
    const leadership = this.#leadership;
    if (leadership === undefined) return;
    const size = leadership.inSync.isr.length;
    this.#waiters.releaseDeletions(leadership, this.log);
    if (size !== sizeBefore) this.#host.onInSyncSetChanged(sizeBefore, size);
    this.#advance();
    if (leadership.hasEnoughInSync || !this.#waiters.hasCommits) return;
    // Whether these will ever be committed is open; who sent them should not wait for the end of its time to learn it.
    this.#waiters.failCommits(refusal.tooFewInSyncByNow(this.#asked, leadership));
  }

  #synced(): void {
    if (this.#leadership !== undefined) this.#advance();
    else if (this.#following !== undefined) this.#host.onReplicaMoved(this);
  }

  /** Nothing is known of what was not synced before: it is neither acknowledged nor served. */
  #wentOffline(reason: unknown): void {
    if (this.#isOffline) return;
    this.#isOffline = true;
    this.#host.logger.error('partition is offline: its log failed', {
      partition: this.label,
      error: errorMessage(reason),
    });
    this.#waiters.failAll(refusal.failed(this.#asked, reason));
  }

  /** What counts of this node's own log. */
  get #ownEndOffset(): number {
    return this.#policy.durability === 'fsync' ? this.log.syncedEndOffset : this.log.endOffset;
  }

  #advance(): void {
    const leadership = this.#leadership;
    if (leadership === undefined || this.#isOffline) return;
    const ownEndOffset = this.#ownEndOffset;
    this.#waiters.ownEndMoved(ownEndOffset);
    const { durability } = this.#policy;
    const joining = leadership.aboutToJoin(this.#nowMs, this.#joinWaitMs, this.#host.inSyncChanges.eligibleEpoch);
    const highWatermark = leadership.highWatermark(this.#highWatermark, { ownEndOffset, durability, joining });
    if (joining.length > 0 && highWatermark < ownEndOffset) this.#advanceLater();
    if (highWatermark === this.#highWatermark) return;
    this.#highWatermark = highWatermark;
    this.#waiters.highWatermarkMoved(highWatermark);
  }

  /** A follower that is waited for may say nothing more, and then nothing else would end the waiting. */
  #advanceLater(): void {
    this.#waitForJoin ??= this.#host.clock.schedule(this.#joinWaitMs, () => {
      this.#waitForJoin = undefined;
      this.#advance();
    });
  }

  /** Who is put out for its lag has not caught up for longer than this, and is not waited for. */
  get #joinWaitMs(): number {
    return Math.min(joinWaitMaxMs, this.#host.replicaLagMaxMs);
  }

  get #nowMs(): number {
    return this.#host.clock.monotonicMs();
  }

  get #moment(): LeaderMoment {
    return { nowMs: this.#nowMs, endOffset: this.log.endOffset, durability: this.#policy.durability };
  }

  get #asked(): refusal.Asked {
    return { label: this.label, nodeId: this.#host.nodeId };
  }

  get #facts(): { readonly partition: string; readonly leaderEpoch: number } {
    return { partition: this.label, leaderEpoch: this.leaderEpoch };
  }
}
