/**
 * Decides what a producer sends, when and where: order, retries, limits and deadlines. Pure: it is told what happened
 * and what time it is, and answers with requests to send and batches that have their outcome. The sender does the rest.
 *
 *     accumulator ─activate()─▶ ┌─────────────┐ ─poll()─▶ requests, topics whose leader is unknown, identity wanted
 *     answers ────answered()──▶ │ SenderCore  │
 *     no answer ────failed()──▶ └─────────────┘ ─takeResolved()─▶ batches with outcome
 *
 * Limits: at most `maxInFlightRequests` to a node, one batch of a partition in a request, `maxRequestBytes` unless a
 * single batch is larger. Every batch has its outcome by its deadline, whatever the cluster does.
 *
 * In a transaction the first batch that fails is the end of it: all others fail with it, until the next one begins.
 */
import { assert, MillraceError } from '@millrace/base';
import { retryDecision } from '@millrace/client';
import type { PartitionWindow, ProducerIdentity } from './partition-window.js';
import { verdictOf } from './produce-verdict.js';
import type { ProducerBatch } from './producer-batch.js';

export interface SenderCoreOptions {
  readonly idempotent: boolean;
  readonly transactional: boolean;
  readonly maxInFlightRequests: number;
  readonly maxRequestBytes: number;
  readonly deliveryTimeoutMs: number;
  /** The wait before the next attempt after so many failures in a row. */
  readonly backoffMs: (failures: number) => number;
  /** Halves of a batch that was too large; undefined when it cannot be divided. */
  readonly split: (batch: ProducerBatch) => readonly [ProducerBatch, ProducerBatch] | undefined;
}

/** One produce request: one batch for each of some partitions that one node leads. */
export interface SendRequest {
  readonly node: number;
  readonly entries: readonly RequestEntry[];
}

export interface RequestEntry {
  readonly window: PartitionWindow;
  readonly batch: ProducerBatch;
}

/** The node's answer for one entry of a request. */
export interface EntryAnswer {
  /** Undefined when it was written. */
  readonly error: MillraceError | undefined;
  readonly baseOffset: number;
}

export interface ResolvedBatch {
  readonly batch: ProducerBatch;
  readonly error: MillraceError | undefined;
  readonly baseOffset: number;
}

/** What can be known of a partition's leader. Everything else of the cluster's metadata is the sender's business. */
export type LeaderLookup = (topic: string, partition: number) => number;

export interface Poll {
  readonly requests: readonly SendRequest[];
  /** Topics with something to send to a partition whose leader is unknown. */
  readonly leaderless: ReadonlySet<string>;
  readonly identityWanted: boolean;
  /** When to poll again unless something happens before; Infinity: only then. */
  readonly wakeAtMs: number;
}

export class SenderCore {
  readonly #options: SenderCoreOptions;
  /** Partitions with unresolved batches or something in their source. */
  #active: PartitionWindow[] = [];
  /** Where the next poll starts, so that no partition is always served last. */
  #turn = 0;
  readonly #inFlightByNode = new Map<number, number>();
  #inFlight = 0;
  #identity: ProducerIdentity | undefined;
  /** Why the present transaction can only be aborted. */
  #failure: MillraceError | undefined;
  #hasSent = false;
  #resolved: ResolvedBatch[] = [];
  #staleTopics = new Set<string>();
  #retries = 0;
  #splits = 0;
  #epochBumps = 0;

  constructor(options: SenderCoreOptions) {
    this.#options = options;
  }

  get requestsInFlight(): number {
    return this.#inFlight;
  }

  get retries(): number {
    return this.#retries;
  }

  get splits(): number {
    return this.#splits;
  }

  get epochBumps(): number {
    return this.#epochBumps;
  }

  /** Something was put into the window's source. */
  activate(window: PartitionWindow): void {
    if (window.isActive) return;
    window.isActive = true;
    this.#active.push(window);
  }

  identify(identity: ProducerIdentity): void {
    this.#identity = identity;
  }

  /** What is put into sources from now on belongs to another transaction. All of the one before has its outcome. */
  beginTransaction(identity: ProducerIdentity): void {
    this.#identity = identity;
    this.#failure = undefined;
    this.#hasSent = false;
  }

  /** In a transaction: everything of it that has no outcome fails, and what is added to it will. Else nothing happens. */
  failTransaction(error: MillraceError): void {
    if (this.#options.transactional) this.#failure ??= error;
  }

  get failure(): MillraceError | undefined {
    return this.#failure;
  }

  /** Whether anything of the present transaction was sent. */
  get hasSent(): boolean {
    return this.#hasSent;
  }

  poll(nowMs: number, leaderOf: LeaderLookup): Poll {
    this.#expire(nowMs);
    const requests: SendRequest[] = [];
    const leaderless = new Set<string>();
    const identityWanted = this.#prepare();
    while (this.#fillRequests(requests, leaderless, nowMs, leaderOf)) {
      // Each pass puts at most one batch of a partition into at most one request to a node.
    }
    this.#turn += 1;
    let wakeAtMs = Infinity;
    for (const window of this.#active) wakeAtMs = Math.min(wakeAtMs, window.nextEventMs(nowMs));
    return { requests, leaderless, identityWanted, wakeAtMs };
  }

  /** A node answered: one answer for each entry, in order. */
  answered(request: SendRequest, answers: readonly EntryAnswer[], nowMs: number): void {
    assert(answers.length === request.entries.length, 'an answer for each entry');
    this.#settle(request);
    for (let index = 0; index < answers.length; index++) {
      const { window, batch } = request.entries[index] as RequestEntry;
      const { error, baseOffset } = answers[index] as EntryAnswer;
      if (batch.resolved) continue;
      if (error === undefined) this.#acknowledge(window, batch, baseOffset);
      else this.#judge(window, batch, error, { baseOffset, nowMs });
    }
  }

  /** A request failed as a whole: nobody knows what became of its batches. */
  failed(request: SendRequest, error: MillraceError, nowMs: number): void {
    this.#settle(request);
    for (const { window, batch } of request.entries) {
      batch.wasUnanswered = true;
      if (!batch.resolved) this.#judge(window, batch, error, { baseOffset: -1, nowMs });
    }
  }

  /** No identity can be had, for a reason that no retry can change: everything that waits for one fails. */
  refuseIdentity(error: MillraceError): void {
    for (const window of this.#active) if (window.needsIdentity) this.#failAll(window, error);
  }

  /** The topic, or its partitions from `firstPartition` on, do not exist or may not be used: everything for them fails. */
  refuseTopic(topic: string, error: MillraceError, firstPartition = 0): void {
    for (const window of this.#active) {
      if (window.topic === topic && window.partition >= firstPartition) this.#failAll(window, error);
    }
  }

  /** The producer closes: everything left fails. */
  abandon(error: MillraceError): void {
    for (const window of this.#active) this.#failAll(window, error);
  }

  takeResolved(): readonly ResolvedBatch[] {
    const resolved = this.#resolved;
    if (resolved.length > 0) this.#resolved = [];
    return resolved;
  }

  /** Topics whose leaders turned out to be others than we believe. */
  takeStaleTopics(): ReadonlySet<string> {
    const stale = this.#staleTopics;
    if (stale.size > 0) this.#staleTopics = new Set();
    return stale;
  }

  /** Closes gaps, hands out identities and drops partitions with nothing left. Returns whether one lacks an identity. */
  #prepare(): boolean {
    let identityWanted = false;
    let kept = 0;
    for (const window of this.#active) {
      if (this.#options.transactional) this.#prepareTransaction(window);
      else this.#closeGap(window);
      if (window.isIdle) {
        window.isActive = false;
        continue;
      }
      this.#active[kept++] = window;
      if (!window.needsIdentity || this.#options.transactional) continue;
      if (this.#identity !== undefined && window.accepts(this.#identity)) window.adopt(this.#identity);
      else identityWanted = true;
    }
    this.#active.length = kept;
    return identityWanted;
  }

  #closeGap(window: PartitionWindow): void {
    const { bumped, givenUp } = window.closeGap();
    if (bumped) this.#epochBumps += 1;
    for (const batch of givenUp) this.#resolve(batch, unknownOutcome(batch), -1);
  }

  #prepareTransaction(window: PartitionWindow): void {
    if (window.isBroken) this.#failure ??= brokenTransaction(window);
    if (this.#failure !== undefined) this.#failAll(window, this.#failure);
    else if (this.#identity !== undefined) window.renew(this.#identity);
  }

  /** One pass over the partitions. Returns whether another may find more. */
  #fillRequests(requests: SendRequest[], leaderless: Set<string>, nowMs: number, leaderOf: LeaderLookup): boolean {
    const open = new Map<number, { entries: RequestEntry[]; sizeBytes: number }>();
    const count = this.#active.length;
    for (let index = 0; index < count; index++) {
      const window = this.#active[(this.#turn + index) % count] as PartitionWindow;
      const node = leaderOf(window.topic, window.partition);
      if (node < 0) {
        leaderless.add(window.topic);
        continue;
      }
      let request = open.get(node);
      if (request === undefined && this.#inFlightTo(node) >= this.#options.maxInFlightRequests) continue;
      const batch = window.next(node, nowMs);
      if (batch === undefined) continue;
      if (request !== undefined && request.sizeBytes + batch.sizeBytes > this.#options.maxRequestBytes) continue;
      if (request === undefined) {
        request = { entries: [], sizeBytes: 0 };
        open.set(node, request);
        requests.push({ node, entries: request.entries });
        this.#inFlightByNode.set(node, this.#inFlightTo(node) + 1);
        this.#inFlight += 1;
      }
      window.send(batch, node);
      this.#hasSent = true;
      if (batch.attempts > 1) this.#retries += 1;
      request.entries.push({ window, batch });
      request.sizeBytes += batch.sizeBytes;
    }
    return open.size > 0;
  }

  #inFlightTo(node: number): number {
    return this.#inFlightByNode.get(node) ?? 0;
  }

  #settle(request: SendRequest): void {
    const left = this.#inFlightTo(request.node) - 1;
    assert(left >= 0, 'a request settles once');
    if (left === 0) this.#inFlightByNode.delete(request.node);
    else this.#inFlightByNode.set(request.node, left);
    this.#inFlight -= 1;
    for (const { window, batch } of request.entries) {
      window.settle(batch);
      // Its batch may have expired meanwhile; the gap that left can be closed only now.
      this.activate(window);
    }
  }

  #judge(
    window: PartitionWindow,
    batch: ProducerBatch,
    error: MillraceError,
    at: { readonly baseOffset: number; readonly nowMs: number },
  ): void {
    batch.lastError = error;
    // Also when the node could not be called at all: an old answer may have named a leader and not the node itself.
    if (retryDecision(error) === 'refresh') this.#staleTopics.add(batch.topic);
    switch (verdictOf(error.code, error.retriable)) {
      case 'acknowledged':
        this.#acknowledge(window, batch, at.baseOffset);
        return;
      case 'retry-unknown':
        batch.outcomeUnknown = true;
        window.backOff(at.nowMs, this.#options.backoffMs);
        return;
      case 'retry-refused':
        window.backOff(at.nowMs, this.#options.backoffMs);
        return;
      case 'out-of-order':
        this.#outOfOrder(window, batch, error);
        return;
      case 'producer-lost':
        if (batch.producerId === -1 || this.#options.transactional) this.#fail(window, batch, error);
        else window.loseIdentity(batch.producerId, batch.producerEpoch);
        return;
      case 'too-large':
        this.#split(window, batch, error);
        return;
      case 'refused':
        this.#fail(window, batch, error);
        return;
      case 'failed-unknown':
        batch.outcomeUnknown = true;
        this.#fail(window, batch, error);
        return;
    }
  }

  #outOfOrder(window: PartitionWindow, batch: ProducerBatch, error: MillraceError): void {
    if (batch.producerId === -1) {
      this.#fail(window, batch, error);
    } else if (batch.sentAsOldest && window.unresolved[0] === batch) {
      // Nothing of ours is missing before it but what failed: under this number it will never pass.
      if (this.#options.transactional) this.#fail(window, batch, error);
      else if (batch.outcomeUnknown) this.#fail(window, batch, unknownOutcome(batch));
      else window.markGap();
    }
    // Else its predecessor is missing too and will be sent again before it.
  }

  #split(window: PartitionWindow, batch: ProducerBatch, error: MillraceError): void {
    const halves = batch.outcomeUnknown ? undefined : this.#options.split(batch);
    if (halves === undefined) {
      this.#fail(window, batch, error);
      return;
    }
    this.#splits += 1;
    window.replace(batch, halves);
  }

  #acknowledge(window: PartitionWindow, batch: ProducerBatch, baseOffset: number): void {
    window.remove(batch, false);
    this.#resolve(batch, undefined, baseOffset);
  }

  #fail(window: PartitionWindow, batch: ProducerBatch, error: MillraceError): void {
    this.failTransaction(error);
    window.remove(batch, true);
    this.#resolve(batch, error, -1);
  }

  #failAll(window: PartitionWindow, error: MillraceError): void {
    if (!window.isEmpty) this.failTransaction(error);
    for (const batch of [...window.unresolved]) this.#fail(window, batch, error);
    while (window.source.oldest() !== undefined) this.#resolve(window.source.take(), error, -1);
  }

  #expire(nowMs: number): void {
    for (const window of this.#active) {
      for (const batch of [...window.unresolved]) {
        if (nowMs >= batch.deadlineMs) this.#fail(window, batch, this.#expired(batch));
      }
      for (;;) {
        const batch = window.source.oldest();
        if (batch === undefined || nowMs < batch.deadlineMs) break;
        const error = this.#expired(batch);
        this.failTransaction(error);
        this.#resolve(window.source.take(), error, -1);
      }
    }
  }

  #expired(batch: ProducerBatch): MillraceError {
    const what = `${batch.recordCount} records for ${batch.topic}-${batch.partition} were not acknowledged within ${this.#options.deliveryTimeoutMs} ms`;
    const maybe = batch.outcomeUnknown || batch.inFlight;
    const fate = maybe ? 'whether they were written is unknown' : 'they were not written';
    const reason = batch.lastError === undefined ? '' : ` Last error: ${batch.lastError.message}`;
    // Refused to the last: the refusal says more than that time was up.
    const code = maybe ? 'REQUEST_TIMED_OUT' : (batch.lastError?.code ?? 'REQUEST_TIMED_OUT');
    return new MillraceError(code, `${what} (deliveryTimeoutMs); ${fate}.${reason}`, {
      retriable: true,
      cause: batch.lastError,
    });
  }

  #resolve(batch: ProducerBatch, error: MillraceError | undefined, baseOffset: number): void {
    batch.resolved = true;
    this.#resolved.push({ batch, error, baseOffset });
  }
}

function brokenTransaction({ topic, partition }: PartitionWindow): MillraceError {
  return new MillraceError(
    'TRANSACTION_ABORTABLE',
    `Records of the transaction for ${topic}-${partition} cannot be written any more: abort it, and do it again.`,
  );
}

function unknownOutcome(batch: ProducerBatch): MillraceError {
  const last = batch.lastError;
  return new MillraceError(
    last?.code ?? 'OUT_OF_ORDER_SEQUENCE_NUMBER',
    `Whether ${batch.recordCount} records for ${batch.topic}-${batch.partition} were written is unknown: an attempt ` +
      `went unanswered, and the broker can no longer tell. Sending them again could write them twice; read the end of ` +
      `the partition to find out. Last error: ${last?.message ?? 'none'}`,
    { cause: last },
  );
}
