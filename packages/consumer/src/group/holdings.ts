/**
 * The partitions that a member has, from the moment they come until they go.
 *
 *     take     committed offset ─▶ onAssigned ─▶ records flow
 *     release  nothing more is given out ─▶ the program ends what it has in hand ─▶ onRevoked ─▶ last commit ─▶ gone
 *     lose     gone at once ─▶ onLost
 *
 * One at a time, in the order in which they were told, so that callbacks never overlap. What is lost is gone before that:
 * whatever is underway for it ends without effect.
 */
import { errorCode, errorMessage, MillraceError, sleep } from '@millrace/base';
import type { ClusterClient } from '@millrace/client';
import type { StartPosition, TopicPartition } from '../consumer-record.js';
import type { FetchCore } from '../fetch-core.js';
import type { PartitionState } from '../partition-state.js';
import { committedOffsets } from './committed-offsets.js';
import type { CoordinatorLink } from './coordinator-link.js';
import type { GroupSettings, PartitionsCallback } from './group-options.js';
import type { GroupPartition } from './membership.js';
import { isFenced, type CommitEntry, type MemberIdentity, type OffsetCommitter } from './offset-committer.js';

/** What the program does with what it was given. */
export interface Work {
  isReading(state: PartitionState): boolean;
  isBusy(state: PartitionState): boolean;
  isWorkedOn(state: PartitionState): boolean;
  processedOf(state: PartitionState): number | undefined;
  putBack(): void;
  nextAsk(): Promise<void>;
  /** Partitions are not to be worked on any more. */
  wake(): void;
}

export interface HoldingsOptions {
  readonly client: ClusterClient;
  readonly link: CoordinatorLink;
  readonly settings: GroupSettings;
  readonly core: FetchCore;
  readonly work: Work;
  readonly committer: OffsetCommitter;
  readonly identity: () => MemberIdentity;
  /** Where partitions begin of which nothing was committed. */
  readonly from: StartPosition;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Which topics are read has changed, or what can be delivered. */
  readonly onChange: (topics: ReadonlySet<string>) => void;
  /** A callback of the program has failed. */
  readonly onCallbackError: (error: MillraceError) => void;
}

const retryMs = 100;
/** A partition without a leader has no place to be found. */
const placePatienceMs = 3000;
const pollMs = 10;

export class Holdings {
  readonly #options: HoldingsOptions;
  readonly #states = new Map<PartitionState, GroupPartition>();
  /** Partitions of a topic when it was first read: those that come later are new, and begin at their beginning. */
  readonly #firstCounts = new Map<string, number>();
  #last: Promise<unknown> = Promise.resolve();
  /** One that is gone, of which something was handed over and not committed. */
  #dropped: PartitionState | undefined;
  /** Rises whenever everything is lost: what was begun before is void. */
  #life = 0;

  constructor(options: HoldingsOptions) {
    this.#options = options;
  }

  get states(): Iterable<PartitionState> {
    return this.#states.keys();
  }

  topicIdOf(state: PartitionState): string | undefined {
    return this.#states.get(state)?.topicId;
  }

  /** A partition that is gone since this was last asked, of which something was handed over and not committed. */
  takeDropped(): PartitionState | undefined {
    const dropped = this.#dropped;
    this.#dropped = undefined;
    return dropped;
  }

  /** What is processed and not committed. */
  uncommitted(): CommitEntry[] {
    const { committer, work } = this.#options;
    return [...this.states].flatMap((state) => committer.entry(state, work.processedOf(state)) ?? []);
  }

  /** Resolves with whether they are there; rejects when their places cannot be found. */
  take(partitions: readonly GroupPartition[]): Promise<boolean> {
    const { memberEpoch } = this.#options.identity();
    return this.#inTurn((life) => this.#take(partitions, { memberEpoch, life }));
  }

  /** Resolves with whether they are given up, and not lost meanwhile. */
  release(partitions: readonly GroupPartition[]): Promise<boolean> {
    for (const state of this.#statesOf(partitions)) this.#withhold(state);
    return this.#inTurn((life) => this.#release(partitions, life));
  }

  /** All of them, at once. */
  lose(): void {
    const lost = [...this.#states.keys()];
    this.#life += 1;
    for (const state of lost) this.#remove(state);
    if (lost.length === 0) return;
    this.#changed();
    const { onLost } = this.#options.settings;
    this.#last = this.#last.then(() => this.#callBack(onLost, lost));
  }

  /** The end. Callbacks of `run`, `onRevoked` and the last commit are waited for together, for `closeTimeoutMs`. */
  async close(): Promise<void> {
    const { client, settings, work } = this.#options;
    for (const state of this.states) this.#withhold(state);
    const deadline = new AbortController();
    const limit = sleep(client.environment.clock, settings.closeTimeoutMs, deadline.signal).then(
      () => true,
      () => true,
    );
    let isLate = false;
    while (!isLate && [...this.states].some((state) => work.isWorkedOn(state))) {
      isLate = await Promise.race([work.nextAsk().then(() => false), limit]);
    }
    this.#life += 1;
    await Promise.race([this.#hand([...this.states]), limit]);
    deadline.abort();
    for (const state of [...this.states]) this.#remove(state);
  }

  async #take(
    partitions: readonly GroupPartition[],
    { memberEpoch, life }: { readonly memberEpoch: number; readonly life: number },
  ): Promise<boolean> {
    const { core, committer, settings } = this.#options;
    const offsets = await this.#committed(partitions, life);
    if (offsets === undefined) return false;
    await this.#countFirst(partitions.filter((_, index) => (offsets[index] as number) < 0));
    if (life !== this.#life) return false;
    const starts = partitions.map((partition, index) => this.#start(partition, offsets[index] as number));
    const states = partitions.map((partition, index) => {
      const { topic, topicId } = partition;
      const state = core.add(topic, partition.partition, starts[index] as StartPosition, topicId);
      state.isWithheld = true;
      this.#states.set(state, partition);
      const offset = offsets[index] as number;
      if (offset >= 0) committer.note(state, offset);
      return state;
    });
    await this.#callBack((came) => settings.onAssigned?.(came, { memberEpoch }), states);
    if (life !== this.#life) return false;
    for (const state of states) core.withhold(state, false);
    this.#changed();
    return true;
  }

  async #release(partitions: readonly GroupPartition[], life: number): Promise<boolean> {
    const { work } = this.#options;
    const states = this.#statesOf(partitions);
    for (const state of states) this.#withhold(state);
    while (life === this.#life && states.some((state) => work.isBusy(state))) await work.nextAsk();
    await this.#placed(states, life);
    if (life !== this.#life) return false;
    await this.#hand(states);
    if (life !== this.#life) return false;
    for (const state of states) this.#remove(state);
    this.#changed();
    return true;
  }

  /** A place at the end that is being found is committed first: the next owner would find a later one. */
  async #placed(states: readonly PartitionState[], life: number): Promise<void> {
    const { clock } = this.#options.client.environment;
    const deadlineMs = clock.monotonicMs() + placePatienceMs;
    while (life === this.#life && states.some(({ phase }) => phase === 'locating')) {
      if (clock.monotonicMs() >= deadlineMs) return;
      await sleep(clock, pollMs);
    }
  }

  /** Callback, then the last commit: what the callback saves is saved before it counts as done. */
  async #hand(states: readonly PartitionState[]): Promise<void> {
    const { settings, committer, work, client } = this.#options;
    if (states.length === 0) return;
    await this.#callBack(settings.onRevoked, states);
    if (!settings.autoCommit) return;
    const isFirst = settings.delivery === 'at-most-once';
    const entries = states.flatMap((state) => {
      // What was committed ahead and never handed over is for the next owner.
      const entry = isFirst
        ? committer.entryBackTo(state, handedOver(state))
        : committer.entry(state, work.processedOf(state));
      return entry ?? [];
    });
    try {
      await committer.commit(entries);
    } catch (error) {
      const facts = { group: settings.group, error: errorMessage(error) };
      if (isFenced(error)) client.environment.logger.debug('the last commit came too late', facts);
      else client.environment.logger.warn('the last commit failed: some records will be read again', facts);
    }
  }

  /** Undefined: they were lost meanwhile. */
  async #committed(partitions: readonly GroupPartition[], life: number): Promise<number[] | undefined> {
    const { client, link, settings, identity, timeoutMs, signal } = this.#options;
    const { memberId } = identity();
    const memberEpoch = (): number => identity().memberEpoch;
    while (life === this.#life) {
      try {
        const limit = { timeoutMs, signal };
        return await committedOffsets({
          client,
          link,
          group: settings.group,
          memberId,
          memberEpoch,
          partitions,
          limit,
        });
      } catch (error) {
        if (signal.aborted) return undefined;
        // The next heartbeat tells what has become of the membership.
        const mayPass = isFenced(error) || (error instanceof MillraceError && error.retriable);
        if (!mayPass) throw error;
        client.environment.logger.debug('committed offsets were not found', { error: errorMessage(error) });
        await sleep(client.environment.clock, retryMs);
      }
    }
    return undefined;
  }

  /** Asks once for all topics of which the count is not known yet, however many partitions have come. */
  async #countFirst(partitions: readonly GroupPartition[]): Promise<void> {
    const { client, settings, signal } = this.#options;
    const uncounted = [...new Set(partitions.map(({ topic }) => topic))].filter(
      (topic) => settings.topics.includes(topic) && !this.#firstCounts.has(topic),
    );
    const unheardOf = uncounted.filter((topic) => client.cachedTopic(topic) === undefined);
    if (unheardOf.length > 0) await client.refresh(unheardOf, { signal });
    for (const topic of uncounted) {
      this.#firstCounts.set(topic, (await client.topic(topic, { signal })).partitions.length);
    }
  }

  #start({ topic, partition }: GroupPartition, committed: number): StartPosition {
    if (committed >= 0) return { offset: committed };
    const first = this.#firstCounts.get(topic);
    return first === undefined || partition < first ? this.#options.from : 'beginning';
  }

  #withhold(state: PartitionState): void {
    const { core, work } = this.#options;
    core.withhold(state, true);
    if (work.isReading(state)) work.putBack();
    work.wake();
  }

  #remove(state: PartitionState): void {
    const { core, work, committer } = this.#options;
    this.#states.delete(state);
    const handedOut = handedOver(state) ?? -1;
    if (handedOut > Math.max(state.originOffset, committer.committedOf(state))) this.#dropped = state;
    committer.forget(state);
    if (work.isReading(state)) work.putBack();
    core.remove(state);
  }

  #statesOf(partitions: readonly GroupPartition[]): PartitionState[] {
    const wanted = new Set(partitions.map(({ topicId, partition }) => `${topicId}:${partition}`));
    return [...this.#states]
      .filter(([, { topicId, partition }]) => wanted.has(`${topicId}:${partition}`))
      .map(([state]) => state);
  }

  #changed(): void {
    this.#options.onChange(new Set([...this.#states.values()].map(({ topic }) => topic)));
  }

  async #callBack(callback: PartitionsCallback | undefined, states: readonly PartitionState[]): Promise<void> {
    const partitions: TopicPartition[] = states.map(({ topic, partition }) => ({ topic, partition }));
    try {
      await callback?.(partitions);
    } catch (error) {
      const message = `A rebalance callback failed: ${errorMessage(error)}`;
      this.#options.onCallbackError(new MillraceError(errorCode(error), message, { cause: error }));
    }
  }

  #inTurn<Result>(step: (life: number) => Promise<Result>): Promise<Result> {
    const life = this.#life;
    const result = this.#last.then(() => step(life));
    this.#last = result.catch(() => undefined);
    return result;
  }
}

/** The offset after the last record that the program was given, whatever became of it; undefined without a place. */
function handedOver({ position, begunOffset, finished }: PartitionState): number | undefined {
  return position === undefined ? undefined : Math.max(finished?.committable ?? position, begunOffset);
}
