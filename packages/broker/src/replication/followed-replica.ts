/**
 * One partition that this node follows, as its fetcher sees it: what is asked of the leader, and what is done with the
 * answer.
 *
 *     fetching --diverging, out of range, gaps not marked--> cutting --done--> fetching
 *        \--refused, bad batches--> pausing, longer with each failure --> fetching
 *
 * An answer counts only while the partition still follows the same leader in the same epoch, and its log ends where the
 * request said.
 */
import { backoffMs, errorCode, errorMessage, type Logger, type RandomStream } from '@millrace/base';
import { BatchView } from '@millrace/record';
import { errorByNumber, protocolError, type ReplicaFetchRequest, type ReplicaFetchResponse } from '@millrace/protocol';
import type { Following } from '../partition/partition-host.js';
import type { Partition } from '../partition/partition.js';
import type { CatchUpThrottle } from './catch-up-throttle.js';

type RequestEntry = ReplicaFetchRequest['partitions'][number];
type ReplyEntry = ReplicaFetchResponse['partitions'][number];

export interface FollowedReplicaContext {
  readonly logger: Logger;
  readonly random: RandomStream;
  readonly nowMs: () => number;
  readonly onFailure: () => void;
  readonly throttle: CatchUpThrottle;
  /** It can be asked for again: it was cut. */
  readonly onReady: (replica: FollowedReplica) => void;
}

/** A leader that is about to learn the metadata, or has its log offline: soon again, then less often. */
const backoff = { initialMs: 20, maxMs: 2000, jitter: 0.2 };

export class FollowedReplica {
  readonly partition: Partition;
  readonly following: Following;
  readonly #context: FollowedReplicaContext;
  /** Whether a request that is under way asks for it. */
  isAsked = false;
  /** Since when no records have come. */
  idleSinceMs: number;
  #isCutting = false;
  #notBeforeMs = 0;
  #failures = 0;
  /** What the leader was last told. */
  #reportedSynced = -1;
  #reportedStart = -1;

  constructor(partition: Partition, following: Following, context: FollowedReplicaContext) {
    this.partition = partition;
    this.following = following;
    this.#context = context;
    this.idleSinceMs = context.nowMs();
    // Of the leader before: nothing is asked of this one before the cut is done.
    if (partition.beingCut !== undefined) this.#cut(partition.beingCut);
  }

  /** Whether the partition is not this fetcher's any more. */
  get isOver(): boolean {
    return this.partition.following !== this.following || this.partition.isOffline;
  }

  /** When it may be asked for; Infinity while its log is being cut. */
  get readyMs(): number {
    return this.#isCutting ? Infinity : Math.max(this.#notBeforeMs, this.#heldBackUntilMs);
  }

  /** Later than now while the topic's rate does not allow more to be fetched for replicas that are not in sync. */
  get #heldBackUntilMs(): number {
    const { policy, isInSync, topicId } = this.partition;
    if (policy.followerRate === undefined || isInSync) return 0;
    const nowMs = this.#context.nowMs();
    const waitMs = this.#context.throttle.waitMs(topicId, policy.followerRate, nowMs);
    // Not now: by the clock of whoever compares, that may be later already.
    return waitMs === 0 ? 0 : nowMs + waitMs;
  }

  /** Whether the leader has not been told yet how far this log is synced, or where it starts. */
  get hasNews(): boolean {
    const { syncedEndOffset, startOffset } = this.partition.log;
    return !this.#isCutting && (syncedEndOffset > this.#reportedSynced || startOffset > this.#reportedStart);
  }

  request(limitBytes: number): RequestEntry {
    const position = this.partition.fetchPosition();
    this.#reportedSynced = position.syncedEndOffset;
    this.#reportedStart = position.logStartOffset;
    const { topicId, index, policy, isInSync } = this.partition;
    // At most a second's worth at a time.
    const portion = policy.followerRate === undefined || isInSync ? Infinity : Math.max(1, policy.followerRate);
    const maxBytes = Math.min(limitBytes, portion);
    return { topicId, partition: index, leaderEpoch: this.following.leaderEpoch, ...position, maxBytes };
  }

  /** The request, or its reply, was lost: the leader may not have heard. */
  notTold(): void {
    this.#reportedSynced = -1;
    this.#reportedStart = -1;
  }

  /** What was fetched. Never throws; returns how many bytes were appended. */
  take(asked: RequestEntry, reply: ReplyEntry, batches: Uint8Array): number {
    if (this.isOver || this.#isCutting) return 0;
    const { log } = this.partition;
    // Asked for by two requests at a time, when it went from one kind to the other.
    if (log.endOffset !== asked.fetchOffset) return 0;
    try {
      this.#requireAnswer(reply);
      if (reply.diverging !== null) {
        this.#cut(this.#cutAt(reply.diverging));
        return 0;
      }
      if (batches.length > 0 && log.needsGapMark) {
        this.#cut(log.markGaps());
        return 0;
      }
      if (this.#startsInside(batches)) return 0;
      if (batches.length > 0) this.partition.appendReplicated(this.following, batches);
      const { policy, isInSync, topicId } = this.partition;
      if (policy.followerRate !== undefined && !isInSync) {
        this.#context.throttle.moved(topicId, batches.length, this.#context.nowMs());
      }
      this.partition.noteLeader(this.following, reply);
      this.#failures = 0;
      if (batches.length > 0) this.idleSinceMs = this.#context.nowMs();
      return batches.length;
    } catch (error) {
      if (errorCode(error) === 'OFFSET_OUT_OF_RANGE' && this.#startsAnew(reply)) return 0;
      this.#failed(error);
      return 0;
    }
  }

  /** The answer to a report: only how far the leader has committed. */
  takeReport(reply: ReplyEntry): void {
    if (this.isOver || reply.error !== 0 || reply.diverging !== null) return;
    this.partition.noteLeader(this.following, reply);
  }

  #requireAnswer({ error, message, leaderEpoch }: ReplyEntry): void {
    if (error !== 0) {
      const code = errorByNumber(error)?.name ?? 'UNKNOWN_SERVER_ERROR';
      throw protocolError(code, message ?? 'no message');
    }
    if (leaderEpoch !== this.following.leaderEpoch) {
      throw protocolError('INVALID_RESPONSE', `An answer of leader epoch ${leaderEpoch} came to a fetch of another.`);
    }
  }

  async #cutAt(divergence: NonNullable<ReplyEntry['diverging']>): Promise<void> {
    if (await this.partition.cutAt(this.following, divergence)) return;
    const { leaderEpoch, endOffset } = divergence;
    throw protocolError(
      'INVALID_RESPONSE',
      `The leader says that the logs part at ${endOffset} of epoch ${leaderEpoch}, where this one ends already.`,
    );
  }

  /** Where the leader's log begins above the end of this one, nothing is thrown away that the leader still has. */
  #startsAnew({ logStartOffset }: ReplyEntry): boolean {
    const { startOffset, endOffset } = this.partition.log;
    const isEmpty = startOffset === endOffset;
    if (logStartOffset < 0 || logStartOffset === endOffset) return false;
    if (logStartOffset < endOffset && !isEmpty) return false;
    this.#cut(this.partition.restartAt(this.following, logStartOffset));
    return true;
  }

  /**
   * The leader's log start may lie inside a batch. An empty log that begins there takes the whole batch; its start moves
   * on again with the leader's next answer.
   */
  #startsInside(batches: Uint8Array): boolean {
    const { startOffset, endOffset } = this.partition.log;
    if (batches.length === 0 || startOffset !== endOffset) return false;
    const view = new BatchView().at(batches, 0);
    const isAcross = view.baseOffset >= 0 && view.baseOffset < startOffset && view.nextOffset > startOffset;
    // What is wrong with others, the append says.
    if (!isAcross || view.sizeBytes > batches.length || !view.isCrcValid()) return false;
    // The bytes are the reader's, which uses them again.
    this.#cut(this.partition.restartWith(this.following, new Uint8Array(batches)));
    return true;
  }

  #cut(work: Promise<void>): void {
    this.#isCutting = true;
    const done = (): void => {
      this.#isCutting = false;
      this.notTold();
      this.#context.onReady(this);
    };
    work.then(done, (error: unknown) => {
      this.#failed(error);
      done();
    });
  }

  #failed(error: unknown): void {
    if (this.isOver) return;
    this.#failures += 1;
    const { nowMs, random, logger, onFailure } = this.#context;
    const pauseMs = backoffMs(this.#failures, backoff, random);
    this.#notBeforeMs = nowMs() + pauseMs;
    onFailure();
    const facts = {
      partition: this.partition.label,
      leader: this.following.leader,
      leaderEpoch: this.following.leaderEpoch,
      code: errorCode(error),
      error: errorMessage(error),
      pauseMs: Math.round(pauseMs),
    };
    // A leader that has not heard of its office yet is nothing to tell people about.
    if (this.#failures >= 5) logger.warn('a partition cannot be fetched from its leader', facts);
    else logger.debug('a partition cannot be fetched from its leader', facts);
  }
}
