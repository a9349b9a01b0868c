/**
 * Fetches from one leader all partitions that this node follows there, over one connection.
 *
 *     new, busy partitions  --> up to `maxBusyRequests` requests under way, each answered as soon as there are records
 *     idle partitions       --> one request with all of them, which waits
 *     synced since told     --> one short request that only reports, and is answered at once
 *
 * A partition that has had no records for a while goes over to the idle ones when their request is sent next, so that a
 * busy partition does not pay for a thousand idle ones; it comes back with its next records. It may be asked for by two
 * requests for a moment: whichever answer comes first is taken.
 *
 * What a follower has synced is told by whichever request leaves first. While records are awaited that would be too late:
 * the leader acknowledges nothing before it has heard; hence the reports.
 *
 * Each partition that fails pauses alone; when a request fails as a whole, all do.
 */
import {
  backoffMs,
  type Clock,
  errorCode,
  errorMessage,
  type Logger,
  type RandomStream,
  type Timer,
} from '@millrace/base';
import {
  protocolError,
  type ReplicaFetchRequest,
  type ReplicaFetchResponse,
  replicaFetchApi,
  splitPayload,
} from '@millrace/protocol';
import type { EndOfTurn } from '../partition/end-of-turn.js';
import type { Partition } from '../partition/partition.js';
import type { CatchUpThrottle } from './catch-up-throttle.js';
import { FollowedReplica, type FollowedReplicaContext } from './followed-replica.js';
import type { ReplicationMetrics } from './replication-metrics.js';

/** The way to the leader. */
export interface ReplicaSource {
  fetch(
    request: ReplicaFetchRequest,
    timeoutMs: number,
  ): Promise<{
    readonly body: ReplicaFetchResponse;
    readonly payload: Uint8Array;
    /** The payload was used up: its memory is for other replies. */
    readonly release: () => void;
  }>;
}

interface FetchedBatches {
  readonly partitions: ReplicaFetchResponse['partitions'];
  /** Of each partition; to be used up before `release`. */
  readonly batches: readonly Uint8Array[];
  readonly release: () => void;
}

export interface LeaderFetcherOptions {
  readonly nodeId: number;
  readonly leader: number;
  readonly source: ReplicaSource;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: RandomStream;
  readonly metrics: ReplicationMetrics;
  readonly turns: EndOfTurn;
  /** Of all that this node fetches. */
  readonly throttle: CatchUpThrottle;
  /** Of this node's registration. */
  readonly brokerEpoch: () => number;
  readonly settings: FetchSettings;
}

export interface FetchSettings {
  readonly replicaFetchWaitMs: number;
  /** Record bytes of one reply, and of one partition in it. */
  readonly replicaFetchMaxBytes: number;
  readonly replicaFetchPartitionMaxBytes: number;
}

type RequestEntry = ReplicaFetchRequest['partitions'][number];

interface Asked {
  readonly replica: FollowedReplica;
  readonly entry: RequestEntry;
}

const maxBusyRequests = 4;
const idleAfterMs = 1000;
const joinAfterMs = 50;
/** What `maxWaitMs` does not explain: reading, sending, a leader that is held up. */
const answerMs = 10_000;
const maxPartitionsPerRequest = 10_000;
const backoff = { initialMs: 50, maxMs: 1000, jitter: 0.2 };

export class LeaderFetcher {
  readonly leader: number;
  readonly #options: LeaderFetcherOptions;
  readonly #context: FollowedReplicaContext;
  readonly #busy = new Map<Partition, FollowedReplica>();
  readonly #idle = new Map<Partition, FollowedReplica>();
  readonly #toReport = new Set<FollowedReplica>();
  #busyRequests = 0;
  #isIdleAsked = false;
  #isReporting = false;
  #failures = 0;
  #notBeforeMs = 0;
  #timer: { readonly timer: Timer; readonly atMs: number } | undefined;
  #isClosed = false;

  constructor(options: LeaderFetcherOptions) {
    const { clock, logger, random, metrics, leader, throttle } = options;
    this.leader = leader;
    this.#options = options;
    this.#context = {
      logger,
      random,
      nowMs: () => clock.monotonicMs(),
      onFailure: () => metrics.fetchFailed(leader),
      throttle,
      onReady: () => this.#ask(),
    };
  }

  /** The partition follows this leader from now on. */
  add(partition: Partition): void {
    const { following } = partition;
    if (following === undefined || this.#isClosed) return;
    const known = this.#busy.get(partition) ?? this.#idle.get(partition);
    if (known?.following === following) return;
    this.remove(partition);
    this.#busy.set(partition, new FollowedReplica(partition, following, this.#context));
    this.#options.turns.request(this);
  }

  remove(partition: Partition): void {
    const replica = this.#busy.get(partition) ?? this.#idle.get(partition);
    if (replica === undefined) return;
    this.#busy.delete(partition);
    this.#idle.delete(partition);
    this.#toReport.delete(replica);
  }

  /** More of the partition is synced than before, or its log starts later. */
  moved(partition: Partition): void {
    const replica = this.#busy.get(partition) ?? this.#idle.get(partition);
    if (replica?.hasNews !== true) return;
    this.#toReport.add(replica);
    this.#options.turns.request(this);
  }

  /** The leader may be elsewhere now, or well again: no reason to wait any longer. */
  wake(): void {
    this.#notBeforeMs = 0;
    this.#ask();
  }

  runAtEndOfTurn(): void {
    this.#ask();
    this.#report();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.timer.cancel();
    this.#busy.clear();
    this.#idle.clear();
    this.#toReport.clear();
  }

  /** Sends what can be sent now. */
  #ask(): void {
    if (this.#isClosed) return;
    const nowMs = this.#context.nowMs();
    if (nowMs < this.#notBeforeMs) {
      this.#wakeAt(this.#notBeforeMs, nowMs);
      return;
    }
    if (!this.#isIdleAsked) this.#askIdle(nowMs);
    if (this.#busyRequests < maxBusyRequests) this.#askBusy(nowMs);
  }

  #askBusy(nowMs: number): void {
    const { replicaFetchPartitionMaxBytes, replicaFetchWaitMs } = this.#options.settings;
    const asked: Asked[] = [];
    let nextMs = Infinity;
    for (const [partition, replica] of this.#busy) {
      if (replica.isOver) this.remove(partition);
      else if (replica.isAsked || asked.length === maxPartitionsPerRequest) continue;
      else if (replica.readyMs > nowMs) nextMs = Math.min(nextMs, replica.readyMs);
      else asked.push({ replica, entry: replica.request(replicaFetchPartitionMaxBytes) });
    }
    if (nextMs < Infinity) this.#wakeAt(nextMs, nowMs);
    if (asked.length === 0) return;
    // One request waits for long; one that comes beside it returns soon, so that the two go together from then on.
    const waitMs = this.#busyRequests === 0 ? replicaFetchWaitMs : Math.min(replicaFetchWaitMs, joinAfterMs);
    this.#busyRequests += 1;
    for (const { replica } of asked) replica.isAsked = true;
    void this.#fetch(asked, waitMs, () => {
      this.#busyRequests -= 1;
      for (const { replica } of asked) replica.isAsked = false;
    });
  }

  #askIdle(nowMs: number): void {
    for (const [partition, replica] of this.#busy) {
      if (nowMs - replica.idleSinceMs < idleAfterMs || this.#idle.size >= maxPartitionsPerRequest) continue;
      this.#busy.delete(partition);
      this.#idle.set(partition, replica);
    }
    const { replicaFetchPartitionMaxBytes, replicaFetchWaitMs } = this.#options.settings;
    const asked: Asked[] = [];
    for (const [partition, replica] of this.#idle) {
      if (replica.isOver) this.remove(partition);
      else if (replica.readyMs > nowMs) this.#toBusy(replica);
      else asked.push({ replica, entry: replica.request(replicaFetchPartitionMaxBytes) });
    }
    if (asked.length === 0) return;
    this.#isIdleAsked = true;
    void this.#fetch(asked, replicaFetchWaitMs, () => {
      this.#isIdleAsked = false;
    });
  }

  async #fetch(asked: readonly Asked[], maxWaitMs: number, ended: () => void): Promise<void> {
    const { replicaFetchMaxBytes } = this.#options.settings;
    try {
      const limits = { maxWaitMs, minBytes: 1, maxBytes: replicaFetchMaxBytes };
      const reply = await this.#call(asked, limits);
      if (!this.#isClosed) this.#take(asked, reply.partitions, reply.batches);
      // What was appended is in the files, and copied where it is kept for readers.
      reply.release();
      this.#failures = 0;
    } catch (error) {
      this.#failed(asked, error);
    } finally {
      ended();
      this.#ask();
      this.#report();
    }
  }

  #take(asked: readonly Asked[], replies: ReplicaFetchResponse['partitions'], batches: readonly Uint8Array[]): void {
    let receivedBytes = 0;
    for (const [index, { replica, entry }] of asked.entries()) {
      const bytes = replica.take(entry, replies[index]!, batches[index]!);
      receivedBytes += bytes;
      if (bytes > 0 && !replica.isOver) this.#toBusy(replica);
    }
    if (receivedBytes > 0) this.#options.metrics.received(receivedBytes);
  }

  /** At the end: those that had nothing this time are asked for first next time. */
  #toBusy(replica: FollowedReplica): void {
    const { partition } = replica;
    const isHere = this.#busy.get(partition) === replica || this.#idle.get(partition) === replica;
    if (!isHere) return;
    this.#idle.delete(partition);
    this.#busy.delete(partition);
    this.#busy.set(partition, replica);
  }

  #report(): void {
    if (this.#isReporting || this.#isClosed || this.#context.nowMs() < this.#notBeforeMs) return;
    const asked: Asked[] = [];
    for (const replica of this.#toReport) {
      // A fetch that left meanwhile may have told it already.
      if (replica.hasNews && !replica.isOver) asked.push({ replica, entry: replica.request(0) });
    }
    this.#toReport.clear();
    if (asked.length === 0) return;
    this.#isReporting = true;
    void this.#sendReport(asked);
  }

  async #sendReport(asked: readonly Asked[]): Promise<void> {
    try {
      const { partitions } = await this.#call(asked, { maxWaitMs: 0, minBytes: 0, maxBytes: 0 });
      for (const [index, { replica }] of asked.entries()) replica.takeReport(partitions[index]!);
    } catch (error) {
      this.#failed(asked, error);
    } finally {
      this.#isReporting = false;
      this.#report();
    }
  }

  async #call(
    asked: readonly Asked[],
    limits: Pick<ReplicaFetchRequest, 'maxWaitMs' | 'minBytes' | 'maxBytes'>,
  ): Promise<FetchedBatches> {
    const { nodeId, source, brokerEpoch } = this.#options;
    const partitions = asked.map(({ entry }) => entry);
    const request = { brokerId: nodeId, brokerEpoch: brokerEpoch(), ...limits, partitions };
    const { body, payload, release } = await source.fetch(request, limits.maxWaitMs + answerMs);
    const isForThis =
      body.partitions.length === partitions.length &&
      body.partitions.every(
        ({ topicId, partition }, index) =>
          topicId === partitions[index]?.topicId && partition === partitions[index].partition,
      );
    if (!isForThis) throw protocolError('INVALID_RESPONSE', 'The answer to a fetch is about other partitions.');
    return { partitions: body.partitions, batches: splitPayload(body.partitions, payload), release };
  }

  #failed(asked: readonly Asked[], error: unknown): void {
    for (const { replica } of asked) replica.notTold();
    if (this.#isClosed) return;
    const { logger, random, metrics } = this.#options;
    const nowMs = this.#context.nowMs();
    metrics.fetchFailed(this.leader);
    // Requests that were lost together are one failure.
    if (nowMs < this.#notBeforeMs) return;
    this.#failures += 1;
    this.#notBeforeMs = nowMs + backoffMs(this.#failures, backoff, random);
    const facts = { leader: this.leader, code: errorCode(error), error: errorMessage(error), failures: this.#failures };
    if (this.#failures === 5) logger.warn('a leader cannot be fetched from; it is tried again and again', facts);
    else logger.debug(`${replicaFetchApi.name} failed`, facts);
  }

  #wakeAt(atMs: number, nowMs: number): void {
    if (atMs === Infinity || (this.#timer !== undefined && this.#timer.atMs <= atMs)) return;
    this.#timer?.timer.cancel();
    const timer = this.#options.clock.schedule(Math.max(0, atMs - nowMs), () => {
      this.#timer = undefined;
      this.#ask();
      this.#report();
    });
    this.#timer = { timer, atMs };
  }
}
