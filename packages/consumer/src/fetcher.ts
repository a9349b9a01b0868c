/**
 * Carries out what the fetch core decides: finds topics and offsets, and keeps fetches on their way to every leader
 * while there is room, whether or not the program asks for records at the moment.
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
import { retryDecision, type ClusterClient, type TopicMetadata } from '@millrace/client';
import { errorFromWire, fetchApi, listOffsetsApi, protocolError } from '@millrace/protocol';
import { loadCompression, type Compression } from '@millrace/record';
import { compressionsIn } from './chunk.js';
import type { ConsumerSettings } from './consumer-options.js';
import { maxFetchesPerNode, type FetchCore, type FetchPlan, type LocatePlan } from './fetch-core.js';
import { ReplyMemory } from './reply-memory.js';

export interface FetcherOptions {
  readonly client: ClusterClient;
  readonly settings: ConsumerSettings;
  readonly core: FetchCore;
  readonly backoff: Backoff;
  readonly random: RandomStream;
  /** A topic of this consumer is known, or has changed. */
  readonly onTopic: (topic: TopicMetadata) => void;
  /** There may be something to deliver. */
  readonly onNews: () => void;
  /** A topic cannot be read, for a reason that no retry changes. */
  readonly onTopicError: (topic: string, error: MillraceError) => void;
}

/** A topic that was just created may not be known everywhere yet. */
const unknownTopicPatienceMs = 3000;

interface LookUp {
  isRunning: boolean;
  /** Since the topic was last complete: each waits longer. */
  count: number;
  /** Since when it fails; -1: it does not. */
  failingSinceMs: number;
}

export class Fetcher {
  readonly #options: FetcherOptions;
  readonly #closing = new AbortController();
  readonly #seen = new Map<string, TopicMetadata>();
  readonly #lookUps = new Map<string, LookUp>();
  /** Topics that this consumer reads. */
  #topics: ReadonlySet<string> = new Set();
  readonly #loaded = new Set<Compression>(['none']);
  #isStarted = false;
  #isTurnDue = false;
  #timer: Timer | undefined;

  constructor(options: FetcherOptions) {
    this.#options = options;
  }

  /** Begins to look topics up and to fetch; does nothing when that has begun already. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.wake();
  }

  setTopics(topics: ReadonlySet<string>): void {
    this.#topics = topics;
    this.wake();
  }

  /** Something may have become possible: look in a later turn. */
  wake(): void {
    if (this.#isTurnDue || !this.#isStarted || this.#closing.signal.aborted) return;
    this.#isTurnDue = true;
    this.#options.client.environment.clock.nextTurn(() => this.#turn());
  }

  close(): void {
    this.#closing.abort(protocolError('CONNECTION_CLOSED', 'The consumer was closed.'));
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #turn(): void {
    this.#isTurnDue = false;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#closing.signal.aborted) return;
    const { client, core } = this.#options;
    for (const topic of this.#topics) this.#update(topic);
    const nowMs = client.environment.clock.monotonicMs();
    const plan = core.plan(
      nowMs,
      (topic, partition) => client.cachedLeader(topic, partition)?.node ?? -1,
      (topic) => client.cachedTopic(topic)?.topicId,
    );
    this.#noteStale();
    for (const fetch of plan.fetches) void this.#fetch(fetch);
    for (const locate of plan.locates) void this.#locate(locate);
    for (const topic of plan.leaderless) this.#lookUp(topic);
    if (plan.wakeAtMs !== Infinity) {
      this.#timer = client.environment.clock.schedule(Math.max(0, plan.wakeAtMs - nowMs), () => this.#turn());
    }
    // A reset may have ended in an error just now.
    this.#options.onNews();
  }

  /** Takes in what the client knows of a topic, or looks it up. */
  #update(name: string): void {
    const { client, core, onTopic } = this.#options;
    const metadata = client.cachedTopic(name);
    if (metadata === undefined) {
      this.#lookUp(name);
    } else if (metadata !== this.#seen.get(name)) {
      this.#seen.set(name, metadata);
      onTopic(metadata);
      for (const state of core.partitions.values()) {
        if (state.topic === name) core.noteTopicId(state, metadata.topicId);
      }
    }
  }

  /**
   * A node may be set to take one request of a connection after the other (`connection.max.requests`). Then each waits
   * until the long polls before it have ended: they are no reason to take the node for dead, which would cost their
   * answers too, and again with the next connection.
   */
  get #patienceMs(): number {
    const { requestTimeoutMs, maxWaitMs } = this.#options.settings;
    return requestTimeoutMs + maxFetchesPerNode * maxWaitMs;
  }

  async #fetch(plan: FetchPlan): Promise<void> {
    const { client, settings, core } = this.#options;
    const { clock } = client.environment;
    try {
      const reply = await client.call({ node: plan.node }, fetchApi, this.#fetchRequest(plan), [], {
        timeoutMs: this.#patienceMs,
        signal: this.#closing.signal,
      });
      const { body, payload } = reply;
      if (body.partitions.length !== plan.entries.length) throw wrongAnswer(plan.node, 'Fetch');
      const memory = new ReplyMemory(() => reply.release());
      await this.#loadCodecs(payload);
      let position = 0;
      const answers = body.partitions.map((answer, index) => {
        const bytes = payload.subarray(position, position + answer.bytes);
        position += answer.bytes;
        return {
          error: errorFromWire(answer, `Fetch from node ${plan.node}`) ?? this.#mismatch(plan, index, answer.partition),
          bytes,
          highWatermark: settings.isolation === 'read-committed' ? answer.lastStableOffset : answer.highWatermark,
          aborted: answer.aborted,
          memory,
        };
      });
      core.fetched(plan, answers, clock.monotonicMs());
      memory.letGo();
    } catch (error) {
      core.fetchFailed(plan, asMillraceError(error), clock.monotonicMs());
    }
    this.#afterAnswer();
  }

  /** Reading is synchronous, so that a codec that takes time to load must be there before. */
  async #loadCodecs(payload: Uint8Array): Promise<void> {
    for (const compression of compressionsIn(payload)) {
      if (this.#loaded.has(compression)) continue;
      await loadCompression(compression);
      this.#loaded.add(compression);
    }
  }

  #mismatch(plan: FetchPlan, index: number, partition: number): MillraceError | undefined {
    return plan.entries[index]?.state.partition === partition ? undefined : wrongAnswer(plan.node, 'Fetch');
  }

  #fetchRequest(plan: FetchPlan) {
    const { client, settings } = this.#options;
    return {
      maxWaitMs: settings.maxWaitMs,
      minBytes: settings.minBytes,
      maxBytes: plan.maxBytes,
      isolation: settings.isolation,
      partitions: plan.entries.map(({ state, fetchOffset }) => ({
        topicId: client.cachedTopic(state.topic)?.topicId ?? '',
        partition: state.partition,
        fetchOffset,
        leaderEpoch: client.cachedLeader(state.topic, state.partition)?.leaderEpoch ?? -1,
        maxBytes: Math.min(settings.partitionFetchMaxBytes, plan.maxBytes),
      })),
    };
  }

  async #locate(plan: LocatePlan): Promise<void> {
    const { client, settings, core } = this.#options;
    const { clock } = client.environment;
    try {
      const request = {
        isolation: settings.isolation,
        partitions: plan.entries.map(({ state, timestamp }) => ({
          topicId: client.cachedTopic(state.topic)?.topicId ?? '',
          partition: state.partition,
          leaderEpoch: client.cachedLeader(state.topic, state.partition)?.leaderEpoch ?? -1,
          timestamp,
        })),
      };
      const { body } = await client.call({ node: plan.node }, listOffsetsApi, request, [], {
        timeoutMs: this.#patienceMs,
        signal: this.#closing.signal,
      });
      if (body.partitions.length !== plan.entries.length) throw wrongAnswer(plan.node, 'ListOffsets');
      const answers = body.partitions.map((answer) => ({
        error: errorFromWire(answer, `ListOffsets at node ${plan.node}`),
        offset: answer.offset,
      }));
      core.located(plan, answers, clock.monotonicMs());
    } catch (error) {
      core.locateFailed(plan, asMillraceError(error), clock.monotonicMs());
    }
    this.#afterAnswer();
  }

  #afterAnswer(): void {
    this.#noteStale();
    if (this.#closing.signal.aborted) return;
    this.#options.onNews();
    this.wake();
  }

  #noteStale(): void {
    const { client, core } = this.#options;
    const stale = core.takeStaleTopics();
    if (stale.length > 0 && !this.#closing.signal.aborted) client.noteError(staleMetadata, stale);
  }

  #lookUp(name: string): void {
    let lookUp = this.#lookUps.get(name);
    if (lookUp === undefined) {
      lookUp = { isRunning: false, count: 0, failingSinceMs: -1 };
      this.#lookUps.set(name, lookUp);
    }
    if (lookUp.isRunning) return;
    const running = lookUp;
    running.isRunning = true;
    void this.#run(name, running).finally(() => {
      running.isRunning = false;
      this.wake();
    });
  }

  /** One look-up, repeated while it fails for reasons that may pass. Never rejects. */
  async #run(name: string, lookUp: LookUp): Promise<void> {
    const { client, backoff, random, onTopicError } = this.#options;
    const { signal } = this.#closing;
    const { clock, logger } = client.environment;
    for (;;) {
      try {
        if (lookUp.count++ > 0) await sleep(clock, backoffMs(lookUp.count - 1, backoff, random), signal);
        if (client.cachedTopic(name) === undefined) await client.topic(name, { signal });
        else await client.refresh([name], { signal });
        this.#checkComplete(name, lookUp);
        return;
      } catch (error) {
        if (signal.aborted) return;
        // In a group the coordinator has answered already, whatever became of the look-ups.
        if (this.#isHopeless(error, lookUp, this.#seen.has(name) || client.nodes.length > 0)) {
          this.#lookUps.delete(name);
          onTopicError(name, asMillraceError(error));
          return;
        }
        logger.debug('topic look-up failed', { topic: name, error: errorMessage(error) });
      }
    }
  }

  /** A topic that lacks a partition that is asked for is as good as unknown. */
  #checkComplete(name: string, lookUp: LookUp): void {
    const { client, core } = this.#options;
    const partitions = client.cachedTopic(name)?.partitions ?? [];
    for (const state of core.partitions.values()) {
      if (state.topic !== name || state.partition < partitions.length) continue;
      throw protocolError(
        'UNKNOWN_TOPIC_OR_PARTITION',
        `Topic ${name} has partitions 0 to ${partitions.length - 1}, no partition ${state.partition}.`,
      );
    }
    lookUp.failingSinceMs = -1;
    if (partitions.length > 0 && partitions.every(({ leader }) => leader >= 0)) lookUp.count = 0;
  }

  #isHopeless(error: unknown, lookUp: LookUp, wasKnown: boolean): boolean {
    if (retryDecision(error) === 'give-up') return true;
    const { client, settings } = this.#options;
    const nowMs = client.environment.clock.monotonicMs();
    if (lookUp.failingSinceMs === -1) lookUp.failingSinceMs = nowMs;
    const failingMs = nowMs - lookUp.failingSinceMs;
    const isUnknown = error instanceof MillraceError && error.code === 'UNKNOWN_TOPIC_OR_PARTITION';
    if (isUnknown) return failingMs >= unknownTopicPatienceMs;
    // A cluster that was there will come back; one that never answered may be the wrong address.
    return !wasKnown && failingMs >= settings.requestTimeoutMs;
  }
}

/** What the client is told when an answer proves its metadata old; the core has the error itself. */
const staleMetadata = protocolError('NOT_LEADER_OR_FOLLOWER', 'A fetch met a node that does not lead.');

function wrongAnswer(node: number, what: string): MillraceError {
  return protocolError('INVALID_RESPONSE', `Node ${node} answered ${what} for other partitions.`);
}

function asMillraceError(error: unknown): MillraceError {
  if (error instanceof MillraceError) return error;
  return new MillraceError('UNKNOWN_SERVER_ERROR', errorMessage(error), { cause: error });
}
