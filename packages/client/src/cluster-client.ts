/**
 * A client's view of one cluster: who is there, who leads what, and a connection to each node that is needed.
 * Producer, consumer and admin stand on it.
 *
 * It never repeats a request by itself; `withRetries` does, and it knows which failures are worth it.
 */
import { errorCode, errorMessage, type Backoff, type Environment, type RandomStream } from '@millrace/base';
import {
  errorFromWire,
  findCoordinatorApi,
  metadataApi,
  protocolError,
  type Api,
  type MetadataResponse,
} from '@millrace/protocol';
import { resolveClientOptions, type ClientOptions, type ResolvedClientOptions } from './client-options.js';
import type { Connection } from './connection.js';
import { CoordinatorCache, type CoordinatorKey } from './coordinator-cache.js';
import { DeadlineQueue } from './deadline-queue.js';
import { MetadataCache, type TopicMetadata } from './metadata-cache.js';
import { NodeLinks } from './node-links.js';
import { Refresher } from './refresher.js';
import type { Reply } from './request.js';
import { retryDecision } from './retry-decision.js';
import { withDeadline, type Limit } from './with-deadline.js';

/** Whom to ask. */
export type Target =
  | 'any'
  | 'controller'
  | { readonly node: number }
  | { readonly leader: readonly [topic: string, partition: number] }
  | { readonly coordinator: CoordinatorKey };

export interface WaitOptions {
  /** The client's request timeout by default. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface CallOptions extends WaitOptions {
  /** False for requests that the node does not answer (acks 0). */
  readonly expectReply?: boolean;
}

export interface TopicOptions extends WaitOptions {
  /** Create it when it does not exist and the cluster allows that. */
  readonly allowAutoCreate?: boolean;
}

/** Who leads a partition, and in which epoch: requests carry the epoch, so that a deposed leader refuses them. */
export interface Leader {
  readonly node: number;
  readonly leaderEpoch: number;
}

export class ClusterClient {
  readonly environment: Environment;
  readonly retryBackoff: Backoff;
  readonly retryRandom: RandomStream;
  readonly #options: ResolvedClientOptions;
  readonly #deadlines: DeadlineQueue;
  readonly #links: NodeLinks;
  readonly #metadata = new MetadataCache();
  readonly #coordinators = new CoordinatorCache();
  readonly #refresher = new Refresher((names) => this.#requestMetadata(names, false));
  readonly #creatingRefresher = new Refresher((names) => this.#requestMetadata(names, true));
  #closedWith: Error | undefined;

  constructor(options: ClientOptions) {
    this.#options = resolveClientOptions(options);
    const { environment, retryBackoffMs, retryBackoffMaxMs } = this.#options;
    this.environment = environment;
    this.retryBackoff = { initialMs: retryBackoffMs, maxMs: retryBackoffMaxMs, jitter: 0.2 };
    this.retryRandom = environment.random.stream('client.retries');
    this.#deadlines = new DeadlineQueue(environment.clock);
    this.#links = new NodeLinks(this.#options, this.#deadlines);
  }

  /** Undefined until a node has been reached. */
  get clusterId(): string | undefined {
    return this.#links.clusterId;
  }

  get requestTimeoutMs(): number {
    return this.#options.requestTimeoutMs;
  }

  get isClosed(): boolean {
    return this.#closedWith !== undefined;
  }

  /**
   * Sends one request and waits for its reply. The time limit covers everything: finding the node, connecting, the
   * reply. Requests to one node are sent in the order of the calls when the target is `{ node }`.
   */
  async call<RequestBody, ResponseBody>(
    target: Target,
    api: Api<RequestBody, ResponseBody>,
    body: RequestBody,
    payload: readonly Uint8Array[] = [],
    options: CallOptions = {},
  ): Promise<Reply<ResponseBody>> {
    const limit = this.#limit(options);
    const send = (connection: Connection): Promise<Reply<ResponseBody>> => {
      const timeoutMs = limit.deadlineMs - this.environment.clock.monotonicMs();
      return connection.send(api, body, payload, { ...options, timeoutMs });
    };
    if (typeof target === 'object' && 'node' in target) return this.#links.useNode(target.node, limit, send);
    if (target === 'any') return send(await this.#links.any(limit));
    if (target === 'controller') return this.#useController(limit, send);
    if ('coordinator' in target) return this.#useCoordinator(target.coordinator, limit, send);
    return this.#links.useNode(await this.#leaderNode(target.leader, limit), limit, send);
  }

  /**
   * What is known of a topic, asked for when nothing is. Rejects with UNKNOWN_TOPIC_OR_PARTITION,
   * INVALID_TOPIC_EXCEPTION and whatever else the cluster says of it.
   */
  async topic(name: string, options: TopicOptions = {}): Promise<TopicMetadata> {
    const known = this.cachedTopic(name);
    if (known !== undefined) return known;
    const refresher = options.allowAutoCreate === true ? this.#creatingRefresher : this.#refresher;
    const reply = await this.#waitFor(refresher.refresh([name]), this.#limit(options), 'Metadata');
    const entry = reply.topics.find((topic) => topic.name === name);
    const error = entry === undefined ? undefined : errorFromWire(entry, `Topic ${JSON.stringify(name)}`);
    if (error !== undefined) throw error;
    const topic = this.#metadata.topic(name);
    if (topic !== undefined) return topic;
    throw protocolError('INVALID_RESPONSE', `The Metadata reply does not mention topic ${JSON.stringify(name)}.`);
  }

  /** What is known of a topic now; starts a refresh in the background when that is old. */
  cachedTopic(name: string): TopicMetadata | undefined {
    const topic = this.#metadata.topic(name);
    if (topic === undefined) return undefined;
    const ageMs = this.environment.clock.monotonicMs() - this.#metadata.updatedMs(name);
    if (ageMs > this.#options.metadataMaxAgeMs) this.#refreshInBackground([name]);
    return topic;
  }

  /** The same by id, for replies that name topics by id only. */
  cachedTopicById(topicId: string): TopicMetadata | undefined {
    return this.#metadata.topicById(topicId);
  }

  /** Rejects with UNKNOWN_TOPIC_OR_PARTITION or LEADER_NOT_AVAILABLE. */
  async leader(topic: string, partition: number, options: TopicOptions = {}): Promise<Leader> {
    const { partitions } = await this.topic(topic, options);
    const found = partitions[partition];
    if (found === undefined) {
      throw protocolError(
        'UNKNOWN_TOPIC_OR_PARTITION',
        `Topic ${topic} has ${partitions.length} partitions, no partition ${partition}.`,
      );
    }
    if (found.leader < 0) {
      throw protocolError('LEADER_NOT_AVAILABLE', `Partition ${topic}-${partition} has no leader at the moment.`);
    }
    return { node: found.leader, leaderEpoch: found.leaderEpoch };
  }

  /** The leader by what is known now: undefined when the topic is unknown, or the partition has none. */
  cachedLeader(topic: string, partition: number): Leader | undefined {
    const found = this.cachedTopic(topic)?.partitions[partition];
    return found === undefined || found.leader < 0 ? undefined : { node: found.leader, leaderEpoch: found.leaderEpoch };
  }

  /** Live brokers by what is known now. */
  get nodes(): MetadataResponse['nodes'] {
    return this.#metadata.nodes;
  }

  /** Asks for the metadata of these topics (none: only of the nodes) in a request that begins after this call. */
  async refresh(topics: readonly string[] = [], options: WaitOptions = {}): Promise<void> {
    await this.#waitFor(this.#refresher.refresh(topics), this.#limit(options), 'Metadata');
  }

  /** Tells of a failure met while using what `topics` says: refreshes it in the background when it may be out of date. */
  noteError(error: unknown, topics: readonly string[] = []): void {
    if (this.isClosed || retryDecision(error) !== 'refresh') return;
    // An answer may say it of one of its entries: the call itself has not failed then.
    if (errorCode(error) === 'NOT_COORDINATOR') this.#coordinators.clear();
    this.#links.doubtLastAnswer();
    this.#refreshInBackground(topics);
  }

  /** Tells that a coordinator said, or may mean by its answer, that it is not it any more: the next call looks for it. */
  forgetCoordinator(key: CoordinatorKey): void {
    const nodeId = this.#coordinators.get(key);
    if (nodeId !== undefined) this.#coordinators.forget(key, nodeId);
  }

  /** Rejects what is waiting or unanswered with CONNECTION_CLOSED. Closing twice does nothing. */
  close(): Promise<void> {
    if (this.#closedWith === undefined) {
      this.#closedWith = protocolError('CONNECTION_CLOSED', 'The client was closed.');
      this.#links.close(this.#closedWith);
    }
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #leaderNode([topic, partition]: readonly [string, number], limit: Limit): Promise<number> {
    const { node } = await this.leader(topic, partition, this.#remaining(limit));
    return node;
  }

  async #controller(limit: Limit): Promise<number> {
    if (this.#metadata.controllerId < 0) await this.refresh([], this.#remaining(limit));
    if (this.#metadata.controllerId >= 0) return this.#metadata.controllerId;
    throw protocolError('NOT_CONTROLLER', 'The cluster has no controller at the moment.');
  }

  async #useController<Result>(limit: Limit, send: (connection: Connection) => Promise<Result>): Promise<Result> {
    const nodeId = await this.#controller(limit);
    // A controller that is no broker has no address for clients: any broker passes the request on.
    if (!this.#links.has(nodeId)) return send(await this.#links.any(limit));
    return this.#links.useNode(nodeId, limit, send);
  }

  /** A coordinator that fails in a way that may mean that it is not it any more is looked up again the next time. */
  async #useCoordinator<Result>(
    key: CoordinatorKey,
    limit: Limit,
    send: (connection: Connection) => Promise<Result>,
  ): Promise<Result> {
    const nodeId = this.#coordinators.get(key) ?? (await this.#findCoordinator(key, limit));
    try {
      return await this.#links.useNode(nodeId, limit, send);
    } catch (error) {
      if (retryDecision(error) === 'refresh') this.#coordinators.forget(key, nodeId);
      throw error;
    }
  }

  async #findCoordinator(key: CoordinatorKey, limit: Limit): Promise<number> {
    const request = { keyType: key.type, keys: [key.key] };
    const { body } = await this.call('any', findCoordinatorApi, request, [], this.#remaining(limit));
    const [found] = body.coordinators;
    if (found === undefined) throw protocolError('INVALID_RESPONSE', 'FindCoordinator was answered without one.');
    const error = errorFromWire(found, `The coordinator of ${key.type} ${JSON.stringify(key.key)}`);
    if (error !== undefined) throw error;
    if (!this.#links.has(found.nodeId)) await this.refresh([], this.#remaining(limit));
    this.#coordinators.set(key, found.nodeId);
    return found.nodeId;
  }

  #limit(options: WaitOptions): Limit {
    const timeoutMs = options.timeoutMs ?? this.#options.requestTimeoutMs;
    return {
      deadlines: this.#deadlines,
      deadlineMs: this.environment.clock.monotonicMs() + timeoutMs,
      signal: options.signal,
    };
  }

  #remaining(limit: Limit): WaitOptions {
    return { timeoutMs: limit.deadlineMs - this.environment.clock.monotonicMs(), signal: limit.signal };
  }

  #waitFor<Value>(promise: Promise<Value>, limit: Limit, what: string): Promise<Value> {
    return withDeadline(promise, limit, () =>
      protocolError('REQUEST_TIMED_OUT', `${what} was not answered within the time of the request.`),
    );
  }

  async #requestMetadata(names: readonly string[], allowAutoCreate: boolean): Promise<MetadataResponse> {
    const topics = names.map((name) => ({ name, topicId: null }));
    const limit = this.#limit({});
    const body = await this.#links.ask(limit, async (connection) => {
      const timeoutMs = limit.deadlineMs - this.environment.clock.monotonicMs();
      const request = { topics, allowAutoCreate, includeInternal: false };
      const reply = await connection.send(metadataApi, request, [], { timeoutMs });
      // A node that has just started may know nothing yet: its word must not close all connections.
      if (reply.body.nodes.length > 0) return reply.body;
      throw protocolError('BROKER_NOT_AVAILABLE', `Node ${connection.hello.nodeId} knows of no live broker yet.`);
    });
    this.#metadata.update(body, this.environment.clock.monotonicMs());
    if (!this.isClosed) this.#links.setNodes(body.nodes);
    return body;
  }

  #refreshInBackground(topics: readonly string[]): void {
    this.#refresher.refresh(topics).catch((error: unknown) => {
      this.environment.logger.debug('metadata refresh failed', { topics, error: errorMessage(error) });
    });
  }
}
