/**
 * Carries out what the sender core decides: produce requests, producer ids and timers. One turn of the event loop
 * gathers everything that was accepted in it; then one `#turn` sends.
 */
import { backoffMs, MillraceError, sleep, type Backoff, type RandomStream, type Timer } from '@millrace/base';
import { retryDecision, type ClusterClient } from '@millrace/client';
import { errorFromWire, initProducerIdApi, produceApi, protocolError, type ProduceResponse } from '@millrace/protocol';
import type { ProducerSettings } from './producer-options.js';
import type { ProducerTopics } from './producer-topics.js';
import type { EntryAnswer, ResolvedBatch, SenderCore, SendRequest } from './sender-core.js';

export interface SenderOptions {
  readonly client: ClusterClient;
  readonly settings: ProducerSettings;
  readonly core: SenderCore;
  readonly topics: ProducerTopics;
  readonly backoff: Backoff;
  readonly random: RandomStream;
  /** Batches that have their outcome. */
  readonly deliver: (resolved: readonly ResolvedBatch[]) => void;
}

export class Sender {
  readonly #options: SenderOptions;
  readonly #closing = new AbortController();
  #isTurnDue = false;
  #timer: Timer | undefined;
  #timerAtMs = Infinity;
  #isIdentifying = false;
  #requests = 0;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** Requests sent since the start. */
  get requests(): number {
    return this.#requests;
  }

  /** Whether the turn in which `wake` was last called has not ended yet. */
  get isTurnDue(): boolean {
    return this.#isTurnDue;
  }

  /** Something may have become possible: look in a later turn, after the caller has added all it has. */
  wake(): void {
    if (this.#isTurnDue || this.#closing.signal.aborted) return;
    this.#isTurnDue = true;
    this.#options.client.environment.clock.nextTurn(() => this.#turn());
  }

  /** Stops everything; what is unresolved must have been failed before. */
  close(): void {
    this.#closing.abort();
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #turn(): void {
    this.#isTurnDue = false;
    if (this.#closing.signal.aborted) return;
    const { client, core, topics } = this.#options;
    const nowMs = client.environment.clock.monotonicMs();
    const expiryMs = topics.expire(nowMs);
    const poll = core.poll(nowMs, (topic, partition) => topics.update(topic)?.partitions[partition]?.leader ?? -1);
    for (const request of poll.requests) this.#send(request);
    for (const topic of poll.leaderless) topics.lookUp(topic);
    if (poll.identityWanted) this.#identify();
    this.#deliver();
    this.#wakeAt(Math.min(poll.wakeAtMs, expiryMs), nowMs);
  }

  #wakeAt(atMs: number, nowMs: number): void {
    if (this.#timer !== undefined) {
      // One that is early costs a look; one that outlives its purpose would keep the process alive.
      if (atMs !== Infinity && this.#timerAtMs <= atMs) return;
      this.#timer.cancel();
      this.#timer = undefined;
    }
    if (atMs === Infinity || this.#closing.signal.aborted) return;
    this.#timerAtMs = atMs;
    this.#timer = this.#options.client.environment.clock.schedule(Math.max(0, atMs - nowMs), () => {
      this.#timer = undefined;
      this.#turn();
    });
  }

  #send(request: SendRequest): void {
    const { client, settings } = this.#options;
    this.#requests += 1;
    this.#call(request).then(
      (body) => this.#settled(request, settings.acks === 0 ? undefined : body),
      (error: unknown) => {
        this.#options.core.failed(request, asMillraceError(error), client.environment.clock.monotonicMs());
        this.#afterSettled();
      },
    );
  }

  async #call(request: SendRequest): Promise<ProduceResponse> {
    const { client, settings } = this.#options;
    const partitions = [];
    const payload = [];
    for (const { batch } of request.entries) {
      const topic = client.cachedTopic(batch.topic);
      const bytes = batch.encode(settings.compression, settings.transactionalId !== undefined);
      payload.push(bytes);
      partitions.push({
        topicId: topic?.topicId ?? '',
        partition: batch.partition,
        leaderEpoch: topic?.partitions[batch.partition]?.leaderEpoch ?? -1,
        bytes: bytes.length,
      });
    }
    const body = {
      acks: settings.acks,
      timeoutMs: settings.requestTimeoutMs,
      transactionalId: settings.transactionalId ?? null,
      partitions,
    };
    const options = { timeoutMs: settings.requestTimeoutMs, expectReply: settings.acks !== 0 };
    const reply = await client.call({ node: request.node }, produceApi, body, payload, options);
    return reply.body;
  }

  /** The node answered, or with acks 0 the socket took the request. */
  #settled(request: SendRequest, body: ProduceResponse | undefined): void {
    const { client, core } = this.#options;
    const nowMs = client.environment.clock.monotonicMs();
    if (body !== undefined && !isAnswerTo(request, body)) {
      const error = protocolError('INVALID_RESPONSE', `Node ${request.node} answered Produce for other partitions.`);
      core.failed(request, error, nowMs);
    } else {
      core.answered(request, body === undefined ? request.entries.map(unanswered) : answersOf(request, body), nowMs);
    }
    this.#afterSettled();
  }

  #afterSettled(): void {
    const { client, core } = this.#options;
    const stale = core.takeStaleTopics();
    if (stale.size > 0) client.noteError(staleMetadata, [...stale]);
    this.#deliver();
    this.wake();
  }

  #deliver(): void {
    const resolved = this.#options.core.takeResolved();
    if (resolved.length > 0) this.#options.deliver(resolved);
  }

  #identify(): void {
    if (this.#isIdentifying) return;
    this.#isIdentifying = true;
    void this.#requestIdentity().finally(() => {
      this.#isIdentifying = false;
      this.wake();
    });
  }

  /** Never rejects: a refusal goes to the core, which fails what needs an identity. */
  async #requestIdentity(): Promise<void> {
    const { client, core, backoff, random } = this.#options;
    const { signal } = this.#closing;
    const body = { transactionalId: null, transactionTimeoutMs: 0, producerId: -1, producerEpoch: -1 };
    for (let attempt = 1; ; attempt += 1) {
      try {
        const reply = await client.call('any', initProducerIdApi, body, [], { signal });
        const error = errorFromWire(reply.body, 'InitProducerId');
        if (error !== undefined) throw error;
        core.identify(reply.body);
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (retryDecision(error) === 'give-up') {
          core.refuseIdentity(asMillraceError(error));
          this.#deliver();
          return;
        }
        try {
          await sleep(client.environment.clock, backoffMs(attempt, backoff, random), signal);
        } catch {
          return; // The producer was closed.
        }
      }
    }
  }
}

/** What the client is told when an answer proves its metadata old; the core has the error itself. */
const staleMetadata = protocolError('NOT_LEADER_OR_FOLLOWER', 'A produce request met a node that does not lead.');

function isAnswerTo(request: SendRequest, { partitions }: ProduceResponse): boolean {
  return (
    partitions.length === request.entries.length &&
    partitions.every(({ partition }, index) => partition === request.entries[index]?.batch.partition)
  );
}

function answersOf(request: SendRequest, { partitions }: ProduceResponse): EntryAnswer[] {
  return partitions.map((answer, index) => {
    if (answer.error === 0) return { error: undefined, baseOffset: answer.baseOffset };
    const { topic, partition } = request.entries[index]?.batch ?? { topic: '', partition: -1 };
    return { error: errorFromWire(answer, `Produce to ${topic}-${partition}`), baseOffset: answer.baseOffset };
  });
}

function unanswered(): EntryAnswer {
  return { error: undefined, baseOffset: -1 };
}

function asMillraceError(error: unknown): MillraceError {
  if (error instanceof MillraceError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new MillraceError('UNKNOWN_SERVER_ERROR', message, { cause: error });
}
