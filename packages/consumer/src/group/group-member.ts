/**
 * A consumer's place in its group: carries out what the membership decides.
 *
 *     coordinator ◀─ heartbeats, commits ─ group member ─ partitions come and go ─▶ fetch core, delivery
 *
 * Heartbeats wait at the coordinator until there is news, so that partitions change hands as soon as they are free.
 */
import {
  backoffMs,
  errorMessage,
  MillraceError,
  sleep,
  type Backoff,
  type RandomStream,
  type Timer,
} from '@millrace/base';
import {
  consumerGroupHeartbeatApi,
  leaveGroupEpoch,
  leaveGroupStaticEpoch,
  type ConsumerGroupHeartbeatRequest,
} from '@millrace/protocol';
import type { Hand, HeldChunk } from '../delivery.js';
import { ChunkGate } from './chunk-gate.js';
import { CoordinatorLink } from './coordinator-link.js';
import { Holdings, type HoldingsOptions, type Work } from './holdings.js';
import { Membership, type Beat, type GroupPartition } from './membership.js';
import { OffsetCommitter, isFenced, type MemberIdentity } from './offset-committer.js';
import { StallWatch } from './stall-watch.js';
import { transactionOffsets, type TransactionOffsets } from './transaction-offsets.js';

export interface GroupWork extends Work {
  readonly hands: readonly Hand[];
  /** Whether `run` runs. */
  readonly isRunning: boolean;
  /** Ends `run`. */
  hang(error: MillraceError): void;
  admit(held: HeldChunk): void;
  refuse(held: HeldChunk): void;
}

export interface GroupMemberOptions extends Pick<
  HoldingsOptions,
  'client' | 'settings' | 'core' | 'from' | 'timeoutMs' | 'onChange' | 'onCallbackError'
> {
  readonly work: GroupWork;
  readonly backoff: Backoff;
  readonly random: RandomStream;
  /** Something has changed: whoever waits for it looks. */
  readonly onNews: () => void;
  /** The group cannot be joined, or stayed in, for a reason that no retry changes. */
  readonly onFatal: (error: MillraceError) => void;
}

/** How long a heartbeat may wait for news; the coordinator may answer earlier. */
const maxWaitMs = 5000;
/** A coordinator that does not answer finds out by itself. */
const leaveTimeoutMs = 5000;
/** Of these, waiting for the answer to the request to join takes as much at most. */
const joinEndsTimeoutMs = 2500;

export class GroupMember {
  readonly committer: OffsetCommitter;
  readonly link: CoordinatorLink;
  readonly gate: ChunkGate;
  readonly #options: GroupMemberOptions;
  readonly #memberId: string;
  readonly #membership: Membership;
  readonly #holdings: Holdings;
  readonly #watch: StallWatch;
  readonly #closing = new AbortController();
  #isStarted = false;
  /** `run` was ended because a callback hangs: only the program brings this member back. */
  #isOut = false;
  #sinceCommit = 0;
  #isCommitting = false;
  /** The newest heartbeat, and the request to leave of the last step back, until they are answered or given up. */
  #beating: Promise<void> = Promise.resolve();
  #leaving: Promise<void> = Promise.resolve();
  #beatTimer: Timer | undefined;
  #commitTimer: Timer | undefined;
  #watchTimer: Timer | undefined;
  /** Partitions that came and are not there yet. */
  #arriving = 0;

  constructor(options: GroupMemberOptions) {
    const { client, settings, backoff, random, work, timeoutMs } = options;
    const { signal } = this.#closing;
    this.#options = options;
    this.#memberId = Buffer.from(client.environment.random.stream('consumer.member').bytes(16)).toString('hex');
    this.#membership = new Membership((failures) => backoffMs(failures, backoff, random));
    this.#watch = new StallWatch(settings.maxPollIntervalMs);
    this.link = new CoordinatorLink(client, settings.group);
    const identity = (): MemberIdentity => this.identity;
    const { link } = this;
    const topicIdOf: Holdings['topicIdOf'] = (state) => this.#holdings.topicIdOf(state);
    this.committer = new OffsetCommitter({ link, group: settings.group, identity, topicIdOf, timeoutMs, signal });
    this.#holdings = new Holdings({ ...options, link, committer: this.committer, identity, signal });
    this.gate = new ChunkGate({
      client,
      committer: this.committer,
      commitsFirst: settings.delivery === 'at-most-once',
      admit: (held) => work.admit(held),
      refuse: (held) => work.refuse(held),
      signal,
    });
  }

  get identity(): MemberIdentity {
    return {
      memberId: this.#memberId,
      memberEpoch: this.#membership.epoch,
      instanceId: this.#options.settings.instanceId,
    };
  }

  /** What was handed over and is not committed. */
  transactionOffsets(): TransactionOffsets {
    const { group } = this.#options.settings;
    return transactionOffsets({ group, identity: this.identity, holdings: this.#holdings, committer: this.committer });
  }

  /** The program goes back to what is committed: what was lost in between is no concern any more. */
  forgetDropped(): void {
    this.#holdings.takeDropped();
  }

  /** Whether it has joined, and all that it was told is done. */
  get isSettled(): boolean {
    return this.#membership.isSettled && this.#arriving === 0;
  }

  /** Joins; after the program had stopped asking, joins again. */
  start(): void {
    if (this.#closing.signal.aborted) return;
    this.#isOut = false;
    if (!this.#isStarted) {
      this.#isStarted = true;
      if (this.#commitsAfter) this.#commitLater();
      this.#watchLater();
    }
    this.#rejoin();
  }

  /** So many records more are processed. */
  processed(records: number): void {
    const { autoCommitRecords } = this.#options.settings;
    this.#sinceCommit += records;
    if (this.#sinceCommit < autoCommitRecords || !this.#commitsAfter || this.#isCommitting) return;
    this.#sinceCommit = 0;
    this.#isCommitting = true;
    void this.#commitProcessed().then(() => {
      this.#isCommitting = false;
      // What was processed meanwhile may be enough again.
      this.processed(0);
    });
  }

  /** Gives everything up and leaves. What is processed is committed; never rejects. */
  async close(): Promise<void> {
    this.#commitTimer?.cancel();
    this.#watchTimer?.cancel();
    if (this.#isStarted && !this.#closing.signal.aborted) {
      await this.#holdings.close();
      const { phase } = this.#membership;
      const request = this.#leaveRequest();
      this.#membership.end();
      const leaveByMs = this.#nowMs + leaveTimeoutMs;
      if (phase === 'joining') await this.#joinEnds();
      if (phase === 'joining' || phase === 'member') await this.#leave(request, leaveByMs - this.#nowMs);
      else await this.#leaving;
    }
    this.#beatTimer?.cancel();
    this.#closing.abort(new MillraceError('CONNECTION_CLOSED', 'The consumer was closed.'));
  }

  get #commitsAfter(): boolean {
    const { autoCommit, delivery } = this.#options.settings;
    return autoCommit && delivery !== 'at-most-once';
  }

  #rejoin(): void {
    this.#membership.rejoin(this.#nowMs);
    this.#turn();
  }

  /** Sends what is to be said now, and comes back when there is more. */
  #turn(): void {
    this.#beatTimer?.cancel();
    this.#beatTimer = undefined;
    if (this.#closing.signal.aborted) return;
    const beat = this.#membership.next(this.#nowMs);
    if (beat !== undefined) this.#beating = this.#beat(beat);
    const { wakeAtMs } = this.#membership;
    if (wakeAtMs === Infinity) return;
    const { clock } = this.#options.client.environment;
    this.#beatTimer = clock.schedule(Math.max(0, wakeAtMs - this.#nowMs), () => this.#turn());
  }

  async #beat(beat: Beat): Promise<void> {
    const { client, timeoutMs, settings } = this.#options;
    const { signal } = this.#closing;
    try {
      const options = { timeoutMs: timeoutMs + maxWaitMs, signal };
      const reply = await this.link.call(consumerGroupHeartbeatApi, this.#request(beat), options);
      const { taken, toRelease } = this.#membership.answered(beat, reply, this.#nowMs);
      if (toRelease.length > 0) void this.#release(toRelease);
      if (taken.length > 0) void this.#take(taken);
    } catch (error) {
      if (signal.aborted) return;
      const failure = asMillraceError(error);
      client.environment.logger.debug('heartbeat failed', { group: settings.group, error: failure.message });
      client.noteError(failure);
      const { lost, fatal } = this.#membership.refused(beat, failure, this.#nowMs);
      if (lost.length > 0 || fatal !== undefined) this.#holdings.lose();
      if (lost.length > 0) {
        const facts = { group: settings.group, partitions: lost.length, error: failure.message };
        client.environment.logger.warn('put out of the group: its partitions are lost', facts);
      }
      if (fatal !== undefined) this.#options.onFatal(fatal);
    }
    this.#options.onNews();
    this.#turn();
  }

  async #take(partitions: readonly GroupPartition[]): Promise<void> {
    this.#arriving += partitions.length;
    try {
      await this.#holdings.take(partitions);
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      this.#membership.end();
      this.#holdings.lose();
      this.#options.onFatal(asMillraceError(error));
    } finally {
      this.#arriving -= partitions.length;
      this.#options.onNews();
    }
  }

  async #release(partitions: readonly GroupPartition[]): Promise<void> {
    const isGivenUp = await this.#holdings.release(partitions);
    // While it leaves, the coordinator is told that everything is given up.
    if (!isGivenUp || this.#membership.phase === 'ended') return;
    this.#membership.released(partitions, this.#nowMs);
    this.#options.onNews();
    this.#turn();
  }

  #commitLater(): void {
    const { client, settings } = this.#options;
    this.#commitTimer = client.environment.clock.schedule(settings.autoCommitIntervalMs, () => {
      void this.#commitProcessed().then(() => {
        if (!this.#closing.signal.aborted) this.#commitLater();
      });
    });
  }

  #watchLater(): void {
    const { client, work } = this.#options;
    this.#watchTimer = client.environment.clock.schedule(this.#watch.intervalMs, () => {
      this.#watchLater();
      const stalled = this.#watch.stalled(work.hands, this.#nowMs);
      if (stalled === undefined && this.#membership.phase === 'away' && !this.#isOut) this.#rejoin();
      else if (stalled !== undefined && this.#membership.phase === 'member') void this.#stepBack(stalled);
    });
  }

  /** What is processed is committed; the rest goes to other members. */
  async #stepBack(stalled: Hand): Promise<void> {
    if (this.#isOut) return;
    const { client, settings, work } = this.#options;
    const facts = { group: settings.group, maxPollIntervalMs: settings.maxPollIntervalMs };
    client.environment.logger.warn('the program asks for nothing: its partitions go to other members', facts);
    this.#isOut = work.isRunning;
    if (this.#commitsAfter) await this.#commitProcessed();
    if (this.#membership.phase !== 'member') return;
    const request = this.#leaveRequest();
    this.#membership.stepBack();
    this.#holdings.lose();
    const error = new MillraceError(
      'MAX_POLL_INTERVAL_EXCEEDED',
      `The callback of ${stalled.describe()} has run for ${settings.maxPollIntervalMs} ms: this member has left group ${settings.group}, so that others work on its partitions. Raise maxPollIntervalMs when records may take that long.`,
    );
    if (this.#isOut) work.hang(error);
    this.#leaving = this.#leave(request, leaveTimeoutMs);
    await this.#leaving;
    this.#membership.left(this.#nowMs);
    this.#turn();
  }

  /** Never rejects. */
  async #commitProcessed(): Promise<void> {
    const { client, settings } = this.#options;
    const { logger } = client.environment;
    try {
      await this.committer.commit(this.#holdings.uncommitted());
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      const facts = { group: settings.group, error: errorMessage(error) };
      if (isFenced(error)) logger.debug('offsets were not committed: partitions are gone', facts);
      else logger.warn('offsets were not committed; it is tried again', facts);
    }
  }

  /** Until then the request to leave might overtake the one to join, and leave a member behind that nobody is. */
  async #joinEnds(): Promise<void> {
    const limit = new AbortController();
    const late = sleep(this.#options.client.environment.clock, joinEndsTimeoutMs, limit.signal).catch(() => undefined);
    await Promise.race([this.#beating, late]);
    limit.abort();
  }

  /** The coordinator finds out by itself when it does not hear this. */
  async #leave(request: ConsumerGroupHeartbeatRequest, timeoutMs: number): Promise<void> {
    const { client, settings } = this.#options;
    try {
      const limit = { timeoutMs, signal: this.#closing.signal };
      await this.link.callWithRetries(consumerGroupHeartbeatApi, () => request, limit);
    } catch (error) {
      const facts = { group: settings.group, error: errorMessage(error) };
      client.environment.logger.debug('left the group without an answer', facts);
    }
  }

  #leaveRequest(): ConsumerGroupHeartbeatRequest {
    const { instanceId } = this.#options.settings;
    const memberEpoch = instanceId === null ? leaveGroupEpoch : leaveGroupStaticEpoch;
    const beat = { sentMs: 0, memberEpoch, isFull: false, owned: [] };
    return { ...this.#request(beat), ownedPartitions: null, maxWaitMs: 0 };
  }

  #request({ memberEpoch, isFull, owned }: Beat): ConsumerGroupHeartbeatRequest {
    const { settings } = this.#options;
    return {
      group: settings.group,
      memberId: this.#memberId,
      memberEpoch,
      clientId: isFull ? settings.clientId : null,
      instanceId: settings.instanceId,
      rackId: isFull ? settings.rack : null,
      maxWaitMs,
      rebalanceTimeoutMs: isFull ? settings.maxPollIntervalMs : -1,
      subscribedTopics: isFull ? [...settings.topics] : null,
      subscribedPattern: isFull ? settings.topicPattern : null,
      assignor: isFull ? settings.assignor : null,
      ownedPartitions: byTopic(owned),
    };
  }

  get #nowMs(): number {
    return this.#options.client.environment.clock.monotonicMs();
  }
}

function byTopic(owned: readonly GroupPartition[]): { topicId: string; partitions: number[] }[] {
  const topics = new Map<string, number[]>();
  for (const { topicId, partition } of owned) {
    const partitions = topics.get(topicId);
    if (partitions === undefined) topics.set(topicId, [partition]);
    else partitions.push(partition);
  }
  return [...topics].map(([topicId, partitions]) => ({ topicId, partitions }));
}

function asMillraceError(error: unknown): MillraceError {
  if (error instanceof MillraceError) return error;
  return new MillraceError('UNKNOWN_SERVER_ERROR', errorMessage(error), { cause: error });
}
