/**
 * A program that is a member of a consumer group, on a machine of its own. It has one `Consumer` at a time; each life of one
 * is a member of its own to the checks. When reading fails it begins anew, as a restarted program would.
 *
 *     out --start--> in --leave--> leaving --> out
 *      ^              |               |
 *      +----- kill ---+---------------+
 */
import { assert, errorCode, errorMessage, MillraceError, sleep } from '@millrace/base';
import { Consumer, PartitionError, type ConsumerBatch, type TopicPartition } from '@millrace/consumer';
import { textOf } from '../cluster/scan-log.js';
import type { GroupPlan, MemberPlan } from '../plan/group-plan.js';
import type { MemberOperation } from '../plan/operation.js';
import type { Delivery, GroupCommit, Ownership } from './group-history.js';
import { partitionLabel } from './history.js';
import { MachineSleep } from './machine-sleep.js';
import { recordCall, restartMachine, type Workload } from './workload.js';

const againMs = 200;
const commitAgainMs = 100;
const closeTimeoutMs = 2000;
/** Its last commit, and the request to leave, come besides. */
const leaveTimeoutMs = 5000;

/** One life. */
interface Life {
  readonly name: string;
  readonly consumer: Consumer;
  readonly memberId: string;
  /** What it has, by partition. */
  readonly owned: Map<string, Ownership>;
  /** Reading failed: it is about to be replaced. */
  hasFailed: boolean;
  isOver: boolean;
  /** Calls of the program that have not ended. */
  inHand: number;
}

type Item = Pick<TopicPartition, 'topic' | 'partition'> & {
  readonly offset: number;
  readonly value: Uint8Array | null;
};

export class MemberClient {
  readonly group: GroupPlan;
  readonly node: string;
  readonly #workload: Workload;
  readonly #plan: MemberPlan;
  #life: Life | undefined;
  #lives = 0;
  #leaving: Promise<void> | undefined;
  /** Restarts after a kill that are still to come. */
  #restarts = 0;
  readonly #sleep: MachineSleep;
  #isEnded = false;

  constructor(workload: Workload, group: GroupPlan, index: number) {
    const plan = group.members[index];
    assert(plan !== undefined, `group ${group.name} has no member ${index}`);
    this.group = group;
    this.#workload = workload;
    this.#plan = plan;
    this.node = `${group.name}-${index}`;
    this.#sleep = new MachineSleep(workload, this.node);
  }

  get isEarly(): boolean {
    return this.#plan.isEarly;
  }

  /** Whether it is in its group, or is about to be. */
  get isIn(): boolean {
    return this.#life !== undefined;
  }

  /** Whether it is going to join or leave without being told to again: its group cannot be at rest yet. */
  get isOnItsWay(): boolean {
    if (this.#life !== undefined) return this.#life.hasFailed;
    return this.#leaving !== undefined || this.#restarts > 0;
  }

  /** Whether its program has something in hand: it may yet take so long that the member steps back for a while. */
  get isBusy(): boolean {
    return this.#life !== undefined && this.#life.inHand > 0;
  }

  /** What its program was told that it has, and as whom. */
  get holdings(): { readonly name: string; readonly partitions: readonly string[] } | undefined {
    return this.#life && { name: this.#life.name, partitions: [...this.#life.owned.keys()] };
  }

  perform({ action, forMs }: Pick<MemberOperation, 'action' | 'forMs'>): void {
    if (action === 'start') this.start();
    else if (action === 'kill') this.kill(forMs);
    else if (action === 'pause') this.pause(forMs);
    else void this.leave(action === 'restart');
  }

  start(): void {
    if (this.#life !== undefined || this.#leaving !== undefined || this.#isEnded) return;
    const { simulation, bootstrap, marks } = this.#workload;
    const { group } = this;
    const { autoCommitIntervalMs, maxPollIntervalMs, requestTimeoutMs, style, isStatic } = this.#plan;
    this.#lives += 1;
    marks.hit('member-started');
    const name = `${this.node}.${this.#lives}`;
    const owned = new Map<string, Ownership>();
    const consumer: Consumer = new Consumer({
      bootstrap,
      clientId: name,
      group: group.name,
      topics: group.topics,
      ...(group.pattern === '' ? {} : { topicPattern: group.pattern }),
      ...(isStatic ? { instanceId: this.node } : {}),
      assignor: group.assignor,
      delivery: group.delivery,
      autoCommit: style !== 'manual',
      autoCommitIntervalMs,
      maxPollIntervalMs,
      requestTimeoutMs,
      closeTimeoutMs,
      from: 'beginning',
      autoOffsetReset: 'earliest',
      maxWaitMs: 100,
      retryBackoffMs: 20,
      retryBackoffMaxMs: 200,
      metadataMaxAgeMs: 500,
      onAssigned: (partitions) => this.#assigned(life, partitions),
      onRevoked: (partitions) => this.#gone(life, partitions, 'gives up'),
      onLost: (partitions) => {
        marks.hit('member-lost-partitions');
        this.#gone(life, partitions, 'loses');
      },
      environment: simulation.environment(this.node),
    });
    const life: Life = {
      name,
      consumer,
      memberId: consumer.groupMetadata().memberId,
      owned,
      hasFailed: false,
      isOver: false,
      inHand: 0,
    };
    this.#life = life;
    this.#workload.timeLine.add(name, `joins as ${life.memberId}`);
    void this.#read(life);
  }

  /** In order; with `isBack` it comes again at once. */
  async leave(isBack: boolean): Promise<void> {
    const life = this.#life;
    if (life === undefined) return;
    const { requestTimeoutMs } = this.#plan;
    this.#life = undefined;
    const limit = {
      client: life.name,
      text: 'leave',
      timeoutMs: closeTimeoutMs + leaveTimeoutMs + requestTimeoutMs,
    };
    const leaving = recordCall(this.#workload, limit, () => life.consumer.close());
    this.#leaving = leaving;
    await leaving;
    if (life.isOver) return;
    this.#end(life);
    this.#leaving = undefined;
    if (isBack) this.start();
  }

  /** It leaves, and nobody starts it again. */
  async close(): Promise<void> {
    this.#isEnded = true;
    await (this.#leaving ?? this.leave(false));
  }

  /** The program is killed; its machine, and another life of it, are there again after `downMs`. */
  kill(downMs: number): void {
    const life = this.#life;
    if (life === undefined) return;
    const { simulation, timeLine, marks } = this.#workload;
    timeLine.add(life.name, 'is killed');
    marks.hit('member-killed');
    this.#life = undefined;
    this.#sleep.forget();
    this.#end(life);
    restartMachine(this.#workload, this.node);
    this.#restarts += 1;
    simulation.after(downMs, () => {
      this.#restarts -= 1;
      this.start();
    });
  }

  pause(forMs: number): void {
    if (this.#life === undefined) return;
    this.#sleep.pause(forMs);
  }

  wake(): void {
    this.#sleep.wake();
  }

  async #read(life: Life): Promise<void> {
    const { consumer } = life;
    try {
      switch (this.#plan.style) {
        case 'records':
          for await (const record of consumer) await this.#hold(life, () => this.#work(life, [record]));
          break;
        case 'batches':
          for await (const batch of consumer.batches()) {
            await this.#hold(life, () => this.#work(life, itemsOf(batch)));
          }
          break;
        case 'run':
          await consumer.run({
            concurrency: 2,
            eachBatch: (batch) => this.#hold(life, () => this.#work(life, itemsOf(batch))),
          });
          break;
        case 'manual':
          for await (const batch of consumer.batches()) {
            await this.#hold(life, async () => {
              const items = itemsOf(batch);
              await this.#work(life, items);
              const last = items.at(-1);
              if (last !== undefined) await this.#commit(life, batch, last.offset + 1);
            });
          }
      }
    } catch (error) {
      this.#failed(life, error);
    }
  }

  async #hold(life: Life, work: () => Promise<void>): Promise<void> {
    life.inHand += 1;
    await work();
    life.inHand -= 1;
  }

  async #work(life: Life, items: readonly Item[]): Promise<void> {
    const { simulation } = this.#workload;
    const { workMs } = this.#plan;
    const deliveries = items.map((item) => this.#deliver(life, item));
    if (workMs > 0) await sleep(simulation.environment(this.node).clock, workMs);
    if (life.isOver) return;
    for (const delivery of deliveries) delivery.processedMs = simulation.nowMs;
  }

  #deliver(life: Life, { topic, partition, offset, value }: Item): Delivery {
    const { history, simulation, timeLine } = this.#workload;
    const readMs = simulation.nowMs;
    const delivery: Delivery = { offset, value: textOf(value), readMs, processedMs: Infinity };
    timeLine.add(life.name, `got ${delivery.value} at ${topic}-${partition} offset ${offset}`, true);
    const ownership = life.owned.get(partitionLabel({ topic, partition }));
    if (ownership !== undefined) ownership.deliveries.push(delivery);
    else history.groups.strays.push({ group: this.group.name, member: life.name, topic, partition, offset, readMs });
    return delivery;
  }

  /** Until it is done, or the partition is another's. */
  async #commit(life: Life, { topic, partition }: TopicPartition, offset: number): Promise<void> {
    const { simulation, history, timeLine, marks } = this.#workload;
    const { clock } = simulation.environment(this.node);
    for (;;) {
      const commit: GroupCommit = {
        group: this.group.name,
        member: life.name,
        topic,
        partition,
        offset,
        invokedMs: simulation.nowMs,
        endedMs: Infinity,
        error: undefined,
      };
      history.groups.commits.push(commit);
      try {
        await life.consumer.commit([{ topic, partition, offset, metadata: life.memberId }]);
        commit.endedMs = simulation.nowMs;
        timeLine.add(life.name, `committed ${topic}-${partition} offset ${offset}`, true);
        return;
      } catch (error) {
        commit.endedMs = simulation.nowMs;
        commit.error = `${errorCode(error)}: ${errorMessage(error)}`;
        timeLine.add(life.name, `commit of ${topic}-${partition} offset ${offset} failed: ${commit.error}`);
        marks.hit('member-commit-refused');
        if (!(error instanceof MillraceError) || !error.retriable || this.#life !== life) return;
      }
      await sleep(clock, commitAgainMs);
    }
  }

  #failed(life: Life, error: unknown): void {
    const { history, simulation, timeLine } = this.#workload;
    if (life.isOver) return;
    life.hasFailed = true;
    const topic = error instanceof PartitionError ? error.topic : undefined;
    const failure = { code: errorCode(error), message: errorMessage(error) };
    history.readFailures.push({ consumer: life.name, topic, failedMs: simulation.nowMs, ...failure });
    timeLine.add(life.name, `reading failed: ${failure.code}: ${failure.message}`);
    simulation.after(againMs, () => {
      if (this.#life === life) void this.leave(true);
    });
  }

  #assigned(life: Life, partitions: readonly TopicPartition[]): void {
    const { history, simulation, timeLine } = this.#workload;
    timeLine.add(life.name, `gets ${partitions.map(partitionLabel).join()}`);
    for (const { topic, partition } of partitions) {
      const ownership: Ownership = {
        group: this.group.name,
        member: life.name,
        memberId: life.memberId,
        topic,
        partition,
        fromMs: simulation.nowMs,
        toMs: Infinity,
        deliveries: [],
      };
      life.owned.set(partitionLabel(ownership), ownership);
      history.groups.ownerships.push(ownership);
    }
  }

  #gone(life: Life, partitions: readonly TopicPartition[], how: string): void {
    const { simulation, timeLine } = this.#workload;
    timeLine.add(life.name, `${how} ${partitions.map(partitionLabel).join()}`);
    for (const partition of partitions) {
      const label = partitionLabel(partition);
      const ownership = life.owned.get(label);
      if (ownership !== undefined) ownership.toMs = simulation.nowMs;
      life.owned.delete(label);
    }
  }

  #end(life: Life): void {
    life.isOver = true;
    for (const ownership of life.owned.values()) ownership.toMs = this.#workload.simulation.nowMs;
    life.owned.clear();
  }
}

/** Values are views that do not outlive the batch: what is kept is text. */
function itemsOf(batch: ConsumerBatch): Item[] {
  const { topic, partition } = batch;
  const items: Item[] = [];
  for (const { offset, value } of batch) items.push({ topic, partition, offset, value });
  return items;
}
