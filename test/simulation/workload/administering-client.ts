/** An operator's program: topics come, grow and go; records are deleted; offsets are asked for. */
import { Admin, type GroupDescription } from '@millrace/admin';
import { errorCode } from '@millrace/base';
import type { DeleteRecords, GrowTopic, ListLatest, RecreateTopic } from '../plan/operation.js';
import type { TopicPlan } from '../plan/plan.js';
import type { Deletion, TopicEnd } from './history.js';
import { recordCall, type Workload } from './workload.js';

interface OffsetQuestion {
  readonly topic: string;
  readonly partition: number;
  readonly at: 'earliest' | 'latest' | { readonly timestampMs: number };
}

const timeoutMs = 5000;

export class AdministeringClient {
  readonly node = 'admin';
  readonly #workload: Workload;
  readonly #admin: Admin;
  /** Topics that are being deleted and created again. */
  readonly #busy = new Set<string>();

  constructor(workload: Workload) {
    this.#workload = workload;
    const { simulation, bootstrap } = workload;
    this.#admin = new Admin({ bootstrap, clientId: 'admin', environment: simulation.environment(this.node) });
  }

  /** Whether the topic is there afterwards. */
  async createTopic({ name, partitions, replicationFactor, configs }: TopicPlan): Promise<boolean> {
    const created = await this.#call(`create topic ${name}`, () =>
      this.#admin.createTopic({ name, partitions, replicationFactor, configs }, { timeoutMs }),
    );
    return created !== undefined || (await this.#exists(name));
  }

  async listLatest({ topic, partition }: Pick<ListLatest, 'topic' | 'partition'>): Promise<void> {
    const { simulation, history } = this.#workload;
    const invokedMs = simulation.nowMs;
    const offsets = await this.#call(`latest offset of ${topic}-${partition}`, () =>
      this.#admin.listOffsets([{ topic, partition, at: 'latest' }], { timeoutMs }),
    );
    const offset = offsets?.[0]?.offset;
    if (offset === undefined) return;
    history.latest.push({ client: 'admin', topic, partition, offset, invokedMs, endedMs: simulation.nowMs });
  }

  async deleteRecords({ topic, partition, share }: DeleteRecords): Promise<void> {
    const { simulation, history, marks } = this.#workload;
    const known = history.sends.reduce(
      (end, send) => (send.topic === topic && send.partition === partition ? Math.max(end, send.offset + 1) : end),
      0,
    );
    const beforeOffset = share === 1 ? ('highWatermark' as const) : Math.floor(known * share);
    const deletion: Deletion = {
      topic,
      partition,
      beforeOffset: beforeOffset === 'highWatermark' ? Infinity : beforeOffset,
      invokedMs: simulation.nowMs,
      endedMs: Infinity,
      isOk: false,
      logStartOffset: -1,
    };
    history.deletions.push(deletion);
    const deleted = await this.#call(`delete records of ${topic}-${partition} before ${beforeOffset}`, () =>
      this.#admin.deleteRecords([{ topic, partition, beforeOffset }], { timeoutMs }),
    );
    deletion.endedMs = simulation.nowMs;
    if (deleted === undefined) return;
    deletion.isOk = true;
    deletion.logStartOffset = deleted[0]?.logStartOffset ?? -1;
    marks.hit('records-deleted');
  }

  async recreateTopic({ topic, pauseMs }: Pick<RecreateTopic, 'topic' | 'pauseMs'>): Promise<void> {
    const { simulation, history, marks, plan } = this.#workload;
    const planned = plan.config.topics.find(({ name }) => name === topic);
    if (planned === undefined || this.#busy.has(topic)) return;
    this.#busy.add(topic);
    const end: TopicEnd = { topic, invokedMs: simulation.nowMs, endedMs: Infinity };
    const isDeleted = await this.#call(`delete topic ${topic}`, async () => {
      await this.#admin.deleteTopic(topic, { timeoutMs });
      return true;
    });
    if (isDeleted === true) {
      end.endedMs = simulation.nowMs;
      history.topicEnds.push(end);
      marks.hit('topic-recreated');
      await new Promise<void>((resolve) => {
        simulation.after(pauseMs, resolve);
      });
    }
    await this.createTopic(planned);
    this.#busy.delete(topic);
  }

  async movePartition(move: {
    readonly topic: string;
    readonly partition: number;
    readonly replicas: readonly number[];
  }): Promise<void> {
    await this.#call(`move ${move.topic}-${move.partition} to ${move.replicas.join()}`, () =>
      this.#admin.reassignPartitions([move], { timeoutMs }),
    );
  }

  async growTopic({ topic, partitions }: GrowTopic): Promise<void> {
    const isGrown = await this.#call(`grow topic ${topic} to ${partitions}`, async () => {
      await this.#admin.createPartitions(topic, partitions, { timeoutMs });
      return true;
    });
    if (isGrown === true) this.#workload.marks.hit('topic-grown');
  }

  /** Partition counts of the plan's topics, as long as it takes within `withinMs`. */
  async partitionCounts(): Promise<Map<string, number>> {
    const topics = await this.#admin.listTopics({ timeoutMs: 30_000 });
    const planned = new Set(this.#workload.plan.config.topics.map(({ name }) => name));
    return new Map(topics.filter(({ name }) => planned.has(name)).map(({ name, partitions }) => [name, partitions]));
  }

  /** What is wrong with a topic's replicas; empty when all are in sync. */
  async replicasBehind(topic: string): Promise<string[]> {
    const { partitions } = await this.#admin.describeTopic(topic, { timeoutMs: 30_000 });
    return partitions
      .filter(({ leader, replicas, isr }) => leader < 0 || isr.length < replicas.length)
      .map(
        ({ partition, leader, replicas, isr }) =>
          `partition ${partition}: leader ${leader}, replicas ${replicas.join()}, in sync ${isr.join()}`,
      );
  }

  async offsets(queries: readonly OffsetQuestion[]): Promise<number[]> {
    const answers = await this.#admin.listOffsets(queries, { timeoutMs: 30_000 });
    return answers.map(({ offset }) => offset);
  }

  /** Undefined when there is no such group. */
  async describeGroup(group: string): Promise<GroupDescription | undefined> {
    try {
      return await this.#admin.describeGroup(group, { timeoutMs: 30_000 });
    } catch (error) {
      if (errorCode(error) === 'GROUP_ID_NOT_FOUND') return undefined;
      throw error;
    }
  }

  /** Transactions that are open, or whose markers are not all written. */
  async openTransactions(): Promise<{ readonly id: string; readonly text: string }[]> {
    const transactions = await this.#admin.listTransactions({}, { timeoutMs: 30_000 });
    return transactions
      .filter(({ state }) => unfinished.has(state))
      .map(({ transactionalId, producerId, state }) => {
        return { id: transactionalId, text: `${transactionalId} (producer ${producerId}) is ${state}` };
      });
  }

  /** Of its transactional id. */
  async producerOf(transactionalId: string): Promise<{ readonly producerId: number; readonly epoch: number }> {
    const { producerId, producerEpoch } = await this.#admin.describeTransaction(transactionalId, { timeoutMs: 30_000 });
    return { producerId, epoch: producerEpoch };
  }

  close(): Promise<void> {
    return this.#admin.close();
  }

  async #exists(name: string): Promise<boolean> {
    const topics = await this.#call('list topics', () => this.#admin.listTopics({ timeoutMs }));
    return topics?.some((topic) => topic.name === name) === true;
  }

  #call<Result>(text: string, make: () => Promise<Result>): Promise<Result | undefined> {
    return recordCall(this.#workload, { client: 'admin', text, timeoutMs }, make);
  }
}

const unfinished: ReadonlySet<string> = new Set(['ongoing', 'prepare-commit', 'prepare-abort']);
