/**
 * Decides what a consumer asks of which node: where partitions begin, and the next bytes of those that have room. Pure:
 * it is told what happened and what time it is. The fetcher carries it out.
 *
 * Fetches to one node go out side by side, each for other partitions, so that a long poll for quiet partitions never
 * holds up a busy one. A fetch goes out as soon as its partition has room again, while the program still works on what
 * came before.
 *
 * Bound on memory: bytes fetched and not taken, plus what requests in flight may bring, stay within `prefetchBytes`,
 * except that a single batch larger than its share comes whole.
 */
import { assert, type MillraceError } from '@millrace/base';
import { earliestTimestamp, latestTimestamp, protocolError } from '@millrace/protocol';
import { type FetchedBytes, readChunk } from './chunk.js';
import type { ConsumerSettings } from './consumer-options.js';
import type { StartPosition } from './consumer-record.js';
import { PartitionState } from './partition-state.js';

export interface FetchEntry {
  readonly state: PartitionState;
  /** Of the state when it was asked. */
  readonly generation: number;
  readonly fetchOffset: number;
}

export interface FetchPlan {
  readonly node: number;
  readonly entries: readonly FetchEntry[];
  readonly maxBytes: number;
}

export interface LocateEntry {
  readonly state: PartitionState;
  readonly generation: number;
  /** As ListOffsets takes it. */
  readonly timestamp: number;
}

export interface LocatePlan {
  readonly node: number;
  readonly entries: readonly LocateEntry[];
}

export interface Plan {
  readonly fetches: readonly FetchPlan[];
  readonly locates: readonly LocatePlan[];
  /** Topics with a partition whose leader is unknown. */
  readonly leaderless: ReadonlySet<string>;
  /** When to plan again unless something happens before; Infinity: only then. */
  readonly wakeAtMs: number;
}

/** What the leader said of one partition. */
export interface FetchAnswer extends FetchedBytes {
  readonly error: MillraceError | undefined;
}

export interface LocateAnswer {
  readonly error: MillraceError | undefined;
  /** -1: no record is that young. */
  readonly offset: number;
}

export type FetchCoreSettings = Pick<
  ConsumerSettings,
  'autoOffsetReset' | 'fetchMaxBytes' | 'partitionFetchMaxBytes' | 'prefetchBytes'
> & {
  /** The wait before the next attempt after so many failures in a row. */
  readonly backoffMs: (failures: number) => number;
};

export type LeaderLookup = (topic: string, partition: number) => number;
/** The id of the topic that has this name now, as far as is known. */
export type TopicIdLookup = (topic: string) => string | undefined;

/** More would only divide the work into smaller requests. */
export const maxFetchesPerNode = 3;
/** Even a small prefetch bound lets a request bring something. */
const minRequestBytes = 16 * 1024;

export class FetchCore {
  readonly #settings: FetchCoreSettings;
  readonly #partitions = new Map<string, PartitionState>();
  /** Partitions with something to deliver, in the order in which they get their turn. */
  #line: PartitionState[] = [];
  readonly #fetchesByNode = new Map<number, number>();
  /** What the fetches in flight may bring. */
  #expectedBytes = 0;
  /** Where the next plan starts, so that no partition is always asked last. */
  #turn = 0;
  readonly #staleTopics = new Set<string>();

  constructor(settings: FetchCoreSettings) {
    this.#settings = settings;
  }

  get partitions(): ReadonlyMap<string, PartitionState> {
    return this.#partitions;
  }

  get bufferedBytes(): number {
    let bytes = 0;
    for (const state of this.#partitions.values()) bytes += state.bufferedBytes;
    return bytes;
  }

  find(topic: string, partition: number): PartitionState | undefined {
    return this.#partitions.get(keyOf(topic, partition));
  }

  /** With `boundTopicId`: of that topic alone, and not of another one that has its name later. */
  add(topic: string, partition: number, from: StartPosition, boundTopicId?: string): PartitionState {
    const state = new PartitionState(topic, partition, from, boundTopicId);
    this.#partitions.set(keyOf(topic, partition), state);
    return state;
  }

  remove(state: PartitionState): void {
    this.#partitions.delete(keyOf(state.topic, state.partition));
    // What is on its way for it belongs to nobody.
    state.seek('end');
    state.isRemoved = true;
    this.#line = this.#line.filter((other) => other !== state);
  }

  plan(nowMs: number, leaderOf: LeaderLookup, topicIdOf: TopicIdLookup = () => undefined): Plan {
    const fetches = new Map<number, FetchEntry[]>();
    const locates = new Map<number, LocateEntry[]>();
    const leaderless = new Set<string>();
    const states = [...this.#partitions.values()];
    const nodes = new Set<number>();
    let wakeAtMs = Infinity;
    for (let index = 0; index < states.length; index++) {
      const state = states[(this.#turn + index) % states.length] as PartitionState;
      if (state.outOfRange !== undefined && state.isDrained) this.#resetOrFail(state, state.outOfRange);
      if (state.isAsked || state.phase === 'failed' || state.outOfRange !== undefined) continue;
      if (state.phase === 'reading' && (state.isWithheld || !this.#hasRoom(state))) continue;
      if (nowMs < state.retryAtMs) {
        wakeAtMs = Math.min(wakeAtMs, state.retryAtMs);
        continue;
      }
      if (state.boundTopicId !== undefined && state.boundTopicId !== topicIdOf(state.topic)) {
        // The group will take it away, or what we know of the topic is old.
        this.#staleTopics.add(state.topic);
        state.backOff(nowMs, this.#settings.backoffMs);
        wakeAtMs = Math.min(wakeAtMs, state.retryAtMs);
        continue;
      }
      const node = leaderOf(state.topic, state.partition);
      if (node < 0) leaderless.add(state.topic);
      else {
        nodes.add(node);
        const { generation, fetchOffset } = state;
        if (state.phase === 'reading') addTo(fetches, node, { state, generation, fetchOffset });
        else addTo(locates, node, { state, generation, timestamp: timestampOf(state.target) });
      }
    }
    this.#turn += 1;
    for (const node of this.#fetchesByNode.keys()) nodes.add(node);
    return {
      fetches: this.#admit(fetches, Math.max(1, nodes.size)),
      locates: [...locates].map(([node, entries]) => ({ node, entries: asked(entries) })),
      leaderless,
      wakeAtMs,
    };
  }

  fetched(plan: FetchPlan, answers: readonly FetchAnswer[], nowMs: number): void {
    assert(answers.length === plan.entries.length, 'an answer for each entry');
    this.#settle(plan);
    plan.entries.forEach((entry, index) => {
      const answer = answers[index] as FetchAnswer;
      if (!isCurrent(entry)) return;
      const { state } = entry;
      if (answer.error !== undefined) this.#judge(state, answer.error, nowMs);
      else state.fetched(readChunk(answer, entry.fetchOffset));
      this.#lineUp(state);
    });
  }

  fetchFailed(plan: FetchPlan, error: MillraceError, nowMs: number): void {
    this.#settle(plan);
    for (const entry of plan.entries) if (isCurrent(entry)) this.#judge(entry.state, error, nowMs);
    for (const { state } of plan.entries) this.#lineUp(state);
  }

  located(plan: LocatePlan, answers: readonly LocateAnswer[], nowMs: number): void {
    assert(answers.length === plan.entries.length, 'an answer for each entry');
    plan.entries.forEach((entry, index) => {
      const { error, offset } = answers[index] as LocateAnswer;
      const { state } = entry;
      settleAsk(entry);
      if (!isCurrent(entry)) return;
      if (error !== undefined) this.#judge(state, error, nowMs);
      else if (offset >= 0) state.located(offset);
      // No record is that young: the next one will be.
      else state.seek('end');
      this.#lineUp(state);
    });
  }

  locateFailed(plan: LocatePlan, error: MillraceError, nowMs: number): void {
    for (const entry of plan.entries) {
      settleAsk(entry);
      if (isCurrent(entry)) this.#judge(entry.state, error, nowMs);
      this.#lineUp(entry.state);
    }
  }

  /** The topic is another one than before, under the same name: the positions mean nothing in it. */
  noteTopicId(state: PartitionState, topicId: string): void {
    if (state.topicId === topicId || state.boundTopicId !== undefined) return;
    const isNew = state.topicId !== undefined;
    state.topicId = topicId;
    if (!isNew || state.phase === 'failed') return;
    this.#resetOrFail(state, protocolError('UNKNOWN_TOPIC_ID', 'the topic was deleted and created again.'));
    this.#lineUp(state);
  }

  /** The topic cannot be read, and no retry will change that. */
  failTopic(topic: string, error: MillraceError): void {
    for (const state of this.#partitions.values()) {
      if (state.topic !== topic || state.phase === 'failed') continue;
      state.fail(error);
      this.#lineUp(state);
    }
  }

  pause(state: PartitionState, isPaused: boolean): void {
    state.isPaused = isPaused;
    this.#lineUp(state);
  }

  withhold(state: PartitionState, isWithheld: boolean): void {
    state.isWithheld = isWithheld;
    this.#lineUp(state);
  }

  /** The next partition with something to deliver, held for the caller until `release`; undefined when there is none. */
  hold(): PartitionState | undefined {
    for (let state = this.#line.shift(); state !== undefined; state = this.#line.shift()) {
      state.isInLine = false;
      if (!isDeliverable(state)) continue;
      state.isHeld = true;
      return state;
    }
    return undefined;
  }

  /** The caller is done with what it took: when there is more, the partition gets its turn after the others. */
  release(state: PartitionState): void {
    state.isHeld = false;
    this.#lineUp(state);
  }

  /** Topics whose leaders turned out to be others than we believe. */
  takeStaleTopics(): readonly string[] {
    const stale = [...this.#staleTopics];
    this.#staleTopics.clear();
    return stale;
  }

  #hasRoom(state: PartitionState): boolean {
    // Two fetches ahead: one to work on, one ready.
    return !state.isPaused && state.bufferedBytes < 2 * this.#settings.partitionFetchMaxBytes;
  }

  /** Makes requests of the entries, within the limits of nodes and memory. */
  #admit(byNode: Map<number, FetchEntry[]>, nodeCount: number): FetchPlan[] {
    const { fetchMaxBytes, prefetchBytes } = this.#settings;
    const share = Math.floor(prefetchBytes / (maxFetchesPerNode * nodeCount));
    const maxBytes = Math.max(minRequestBytes, Math.min(fetchMaxBytes, share));
    const plans: FetchPlan[] = [];
    for (const [node, entries] of byNode) {
      const inFlight = this.#fetchesByNode.get(node) ?? 0;
      const buffered = this.bufferedBytes;
      const fits = buffered + this.#expectedBytes + maxBytes <= prefetchBytes;
      if (inFlight >= maxFetchesPerNode || (!fits && (buffered > 0 || inFlight > 0))) continue;
      this.#fetchesByNode.set(node, inFlight + 1);
      this.#expectedBytes += maxBytes;
      plans.push({ node, entries: asked(entries), maxBytes });
    }
    return plans;
  }

  #settle(plan: FetchPlan): void {
    const left = (this.#fetchesByNode.get(plan.node) ?? 0) - 1;
    assert(left >= 0, 'a fetch settles once');
    if (left === 0) this.#fetchesByNode.delete(plan.node);
    else this.#fetchesByNode.set(plan.node, left);
    this.#expectedBytes -= plan.maxBytes;
    for (const entry of plan.entries) settleAsk(entry);
  }

  #judge(state: PartitionState, error: MillraceError, nowMs: number): void {
    if (error.code === 'OFFSET_OUT_OF_RANGE') {
      state.outOfRange = error;
      if (state.isDrained) this.#resetOrFail(state, error);
    } else if (error.retriable && error.code !== 'CORRUPT_MESSAGE') {
      // The leader moved, is starting, or cannot be reached: it, or another, will answer later.
      this.#staleTopics.add(state.topic);
      state.backOff(nowMs, this.#settings.backoffMs);
    } else {
      // A leader that finds its own log corrupt will find it so again.
      state.fail(error);
    }
  }

  #resetOrFail(state: PartitionState, error: MillraceError): void {
    const { autoOffsetReset } = this.#settings;
    if (autoOffsetReset === 'error') {
      state.fail(error);
      this.#lineUp(state);
    } else {
      state.seek(autoOffsetReset === 'earliest' ? 'beginning' : 'end');
    }
  }

  #lineUp(state: PartitionState): void {
    if (state.isInLine || !isDeliverable(state)) return;
    state.isInLine = true;
    this.#line.push(state);
  }
}

/** What is in flight was asked before a seek, or the partition failed meanwhile: its answer says nothing. */
function isCurrent({ state, generation }: { readonly state: PartitionState; readonly generation: number }): boolean {
  return state.generation === generation && state.phase !== 'failed';
}

function settleAsk({ state, generation }: { readonly state: PartitionState; readonly generation: number }): void {
  if (state.askedGeneration === generation) state.askedGeneration = -1;
}

function asked<Entry extends { readonly state: PartitionState; readonly generation: number }>(
  entries: readonly Entry[],
): readonly Entry[] {
  for (const { state, generation } of entries) state.askedGeneration = generation;
  return entries;
}

function isDeliverable(state: PartitionState): boolean {
  return state.hasNews && !state.isPaused && !state.isWithheld && !state.isHeld;
}

function timestampOf(target: StartPosition): number {
  if (target === 'beginning') return earliestTimestamp;
  if (target === 'end') return latestTimestamp;
  assert('timestampMs' in target, 'a partition with an offset is located already');
  return target.timestampMs;
}

function addTo<Entry>(byNode: Map<number, Entry[]>, node: number, entry: Entry): void {
  const entries = byNode.get(node);
  if (entries === undefined) byNode.set(node, [entry]);
  else entries.push(entry);
}

function keyOf(topic: string, partition: number): string {
  return `${topic}-${partition}`;
}
