/**
 * One partition as its leader serves it: who leads, how far readers may read, and who waits for that to move.
 *
 *     log start        high watermark      synced end       end
 *     |---- committed ------|--- being synced ---|--- in memory ---|
 *
 * Invariants:
 * - the high watermark never falls and, with durability `fsync`, never passes the synced end offset: nothing is
 *   acknowledged or served that a power cut could take away;
 * - one sync of the log is under way at a time, and another follows as long as there is something not synced;
 * - after the log failed (`KAFKA_STORAGE_ERROR`) every waiter has been told and nothing is appended any more.
 *
 * A produce request with acks 1 waits like one with acks all: what acks 1 asks for is that the leader has the records
 * safe, which with one replica is the same moment.
 */
import type { MillraceError } from '@millrace/base';
import { errorMessage, type Logger } from '@millrace/base';
import { protocolError } from '@millrace/protocol';
import type { AppendResult, PartitionLog } from '@millrace/storage';
import { CommitQueue, type CommitWaiter } from '../waiting/commit-queue.js';
import { nextHighWatermark } from './high-watermark.js';
import type { SyncSchedule } from './sync-schedule.js';

/** What the cluster's metadata says of the partition. */
export interface PartitionAssignment {
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
}

/** What the topic's settings mean to it, beyond the log's own. */
export interface PartitionPolicy {
  readonly durability: 'fsync' | 'replicated';
  readonly minInSyncReplicas: number;
}

/** A fetch that waits for more records. */
export interface Reader {
  /** So many more bytes can be read. */
  arrived(bytes: number): void;
  /** Waiting is pointless: the partition was deleted, changed its leader, or its log failed. */
  disturbed(): void;
}

export interface PartitionOptions {
  readonly nodeId: number;
  readonly topicId: string;
  readonly topicName: string;
  readonly index: number;
  readonly log: PartitionLog;
  readonly assignment: PartitionAssignment;
  readonly policy: PartitionPolicy;
  readonly syncs: SyncSchedule;
  readonly logger: Logger;
}

export class Partition {
  readonly topicId: string;
  readonly topicName: string;
  readonly index: number;
  readonly log: PartitionLog;
  readonly #nodeId: number;
  readonly #syncs: SyncSchedule;
  readonly #logger: Logger;
  readonly #commits = new CommitQueue();
  readonly #readers = new Set<Reader>();
  #assignment: PartitionAssignment;
  #policy: PartitionPolicy;
  #highWatermark: number;
  #closed = false;
  #isOffline = false;
  #syncing: Promise<void> | undefined;
  /** Bytes appended since this object was made; `visibleBytes` follows it as the high watermark moves. */
  #appendedBytes = 0;
  #visibleBytes = 0;
  /** What `#appendedBytes` was when the sync under way began: all of that is synced when it ends. */
  #syncCoversBytes = 0;

  constructor(options: PartitionOptions) {
    this.topicId = options.topicId;
    this.topicName = options.topicName;
    this.index = options.index;
    this.log = options.log;
    this.#nodeId = options.nodeId;
    this.#syncs = options.syncs;
    this.#logger = options.logger;
    this.#assignment = options.assignment;
    this.#policy = options.policy;
    this.#highWatermark = nextHighWatermark(options.log.startOffset, [this.#reportedEndOffset()]);
    options.log.onSynced = () => this.#advance();
    options.log.onOffline = (reason) => this.#wentOffline(reason);
    if (options.log.syncedEndOffset < options.log.endOffset) this.#syncs.request(this);
  }

  /** As people name it. */
  get label(): string {
    return `${this.topicName}-${this.index}`;
  }

  get highWatermark(): number {
    return this.#highWatermark;
  }

  get leaderEpoch(): number {
    return this.#assignment.leaderEpoch;
  }

  get isOffline(): boolean {
    return this.#isOffline || this.log.isOffline;
  }

  /** Grows with the high watermark, in bytes: two values tell how much became readable between them. */
  get visibleBytes(): number {
    return this.#visibleBytes;
  }

  /** Produce requests waiting for the high watermark. */
  get pendingCommits(): number {
    return this.#commits.length;
  }

  update(assignment: PartitionAssignment, policy: PartitionPolicy): void {
    const deposed =
      assignment.leader !== this.#assignment.leader || assignment.leaderEpoch !== this.#assignment.leaderEpoch;
    this.#assignment = assignment;
    this.#policy = policy;
    if (deposed) this.#failWaiting(protocolError('NOT_LEADER_OR_FOLLOWER', `The leader of ${this.label} has changed.`));
    else this.#advance();
  }

  /** Throws unless this node leads the partition in the epoch that the sender knows (-1: it knows none). */
  requireLeader(leaderEpoch: number): void {
    const current = this.#assignment.leaderEpoch;
    if (leaderEpoch >= 0 && leaderEpoch < current) {
      throw protocolError(
        'FENCED_LEADER_EPOCH',
        `Leader epoch ${leaderEpoch} of ${this.label} is over, it is ${current} now: refresh the metadata.`,
      );
    }
    if (leaderEpoch > current) {
      throw protocolError(
        'UNKNOWN_LEADER_EPOCH',
        `Node ${this.#nodeId} knows leader epoch ${current} of ${this.label}, not ${leaderEpoch} yet: try again.`,
      );
    }
    if (this.#assignment.leader !== this.#nodeId) {
      throw protocolError(
        'NOT_LEADER_OR_FOLLOWER',
        `Node ${this.#nodeId} does not lead ${this.label}: refresh the metadata.`,
      );
    }
  }

  /** Throws when the log failed: what it holds beyond the last good sync is not known. */
  requireOnline(): void {
    if (!this.isOffline) return;
    const reason = this.log.offlineReason?.message ?? 'its last sync did not succeed';
    throw protocolError(
      'KAFKA_STORAGE_ERROR',
      `The log of ${this.label} is offline until the node restarts: ${reason}`,
      this.log.offlineReason,
    );
  }

  /** Throws when an append with acks all could not be acknowledged anyway. */
  requireMinInSync(): void {
    const inSync = this.#assignment.isr.length;
    if (inSync < this.#policy.minInSyncReplicas) {
      throw protocolError(
        'NOT_ENOUGH_REPLICAS',
        `${this.label} has ${inSync} in-sync replicas, min.insync.replicas is ${this.#policy.minInSyncReplicas}.`,
      );
    }
  }

  /** Appends whole batches, which are patched in place. Not durable yet: see `waitForCommit`. */
  append(batches: Uint8Array): AppendResult {
    const result = this.log.append(batches, { origin: 'client', leaderEpoch: this.#assignment.leaderEpoch });
    if (result.duplicate) return result;
    this.#appendedBytes += batches.length;
    if (this.#policy.durability === 'replicated') this.#advance();
    else this.#syncs.request(this);
    return result;
  }

  /**
   * Throws when a reader cannot go on from this offset. One between the high watermark and the end is no mistake: it
   * only has to wait, as after a change of the leader that has not heard from the others yet.
   */
  requireInRange(offset: number): void {
    const { startOffset, endOffset } = this.log;
    if (offset >= startOffset && offset <= endOffset) return;
    throw protocolError(
      'OFFSET_OUT_OF_RANGE',
      `${this.label} has offsets ${startOffset} to ${endOffset}, not ${offset}: seek to the beginning or the end.`,
    );
  }

  /** Moves the start of the log up to `beforeOffset` (-1: the high watermark), never down; returns the start. */
  async deleteRecordsBefore(beforeOffset: number): Promise<number> {
    const target = beforeOffset === -1 ? this.#highWatermark : beforeOffset;
    if (target > this.#highWatermark) {
      throw protocolError(
        'OFFSET_OUT_OF_RANGE',
        `Only records below ${this.#highWatermark} of ${this.label} are committed and can be deleted, not ${target}.`,
      );
    }
    if (target > this.log.startOffset) await this.log.advanceStartOffset(target);
    return this.log.startOffset;
  }

  /** Whether the record at this offset is committed already. */
  isCommitted(lastOffset: number): boolean {
    return lastOffset < this.#highWatermark;
  }

  waitForCommit(lastOffset: number, waiter: CommitWaiter, entry: number): void {
    this.#commits.add(lastOffset, waiter, entry);
  }

  forgetFinishedWaiters(): void {
    this.#commits.prune();
  }

  addReader(reader: Reader): void {
    this.#readers.add(reader);
  }

  removeReader(reader: Reader): void {
    this.#readers.delete(reader);
  }

  /** Syncs until all that was appended is synced; does nothing while that is going on already. */
  startSync(): void {
    if (this.#syncing !== undefined || this.#closed || this.isOffline) return;
    if (this.log.syncedEndOffset === this.log.endOffset) return;
    this.#syncing = this.#syncAll().finally(() => {
      this.#syncing = undefined;
    });
  }

  /** Ends when no sync is under way: all that was appended before is synced, or its waiters were told why not. */
  async settled(): Promise<void> {
    this.startSync();
    await this.#syncing;
  }

  /** The partition is not served here any more: tells all who wait. The log stays with its owner. */
  close(reason: MillraceError): void {
    this.#closed = true;
    this.log.onSynced = undefined;
    this.log.onOffline = undefined;
    this.#failWaiting(reason);
  }

  async #syncAll(): Promise<void> {
    try {
      while (this.log.syncedEndOffset < this.log.endOffset && !this.#closed) {
        this.#syncCoversBytes = this.#appendedBytes;
        await this.log.sync();
        this.#advance();
      }
    } catch (error) {
      if (!this.#closed) this.#wentOffline(error);
    }
  }

  /** Nothing is known of what was not synced before: it is neither acknowledged nor served. */
  #wentOffline(reason: unknown): void {
    if (this.#isOffline) return;
    this.#isOffline = true;
    const message = `The log of ${this.label} failed and is offline until the node restarts: ${errorMessage(reason)}`;
    this.#logger.error('partition is offline: its log failed', { partition: this.label, error: errorMessage(reason) });
    this.#failWaiting(protocolError('KAFKA_STORAGE_ERROR', message, reason));
  }

  #reportedEndOffset(): number {
    return this.#policy.durability === 'fsync' ? this.log.syncedEndOffset : this.log.endOffset;
  }

  #advance(): void {
    const highWatermark = nextHighWatermark(this.#highWatermark, [this.#reportedEndOffset()]);
    if (highWatermark === this.#highWatermark) return;
    this.#highWatermark = highWatermark;
    // Between the two cases lies what was appended while the sync ran: it counts with the next advance.
    const visibleBytes = highWatermark === this.log.endOffset ? this.#appendedBytes : this.#syncCoversBytes;
    const arrivedBytes = Math.max(0, visibleBytes - this.#visibleBytes);
    this.#visibleBytes += arrivedBytes;
    this.#commits.release(highWatermark);
    for (const reader of this.#readers) reader.arrived(arrivedBytes);
  }

  #failWaiting(error: MillraceError): void {
    this.#commits.failAll(error);
    for (const reader of [...this.#readers]) reader.disturbed();
  }
}
