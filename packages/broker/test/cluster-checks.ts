import { assert } from '@millrace/base';
import type { ClusterFixture, LogBatch } from './cluster-fixture.js';

const everyMs = 1;

/**
 * Watches one partition of a running cluster and collects what must never be: guarantees A3 to A10. `committed` is the ghost
 * that only this check keeps: the highest watermark that any leader ever had.
 */
export class PartitionChecks {
  readonly violations: string[] = [];
  readonly #cluster: ClusterFixture;
  readonly #topicId: string;
  readonly #index: number;
  /** Who led, by leader epoch. */
  readonly #leaders = new Map<number, number>();
  /** High watermark last seen, by node, life and leader epoch. */
  readonly #highWatermarks = new Map<string, number>();
  #committed = 0;
  #isOver = false;

  constructor(cluster: ClusterFixture, topicId: string, index = 0) {
    this.#cluster = cluster;
    this.#topicId = topicId;
    this.#index = index;
    this.#watch();
  }

  get committed(): number {
    return this.#committed;
  }

  stop(): void {
    this.#isOver = true;
  }

  /** A1 to A3: dense offsets, epochs that do not fall, and equal batches on all replicas that run. */
  async compareLogs(): Promise<void> {
    const logs: (readonly LogBatch[])[] = [];
    for (const { id, broker } of this.#cluster.nodes) {
      const replica = broker && this.#cluster.replica(id, this.#topicId, this.#index);
      if (replica === undefined) continue;
      const log = await this.#cluster.content(id, this.#topicId, this.#index);
      let { logStartOffset: next } = replica;
      let epoch = -1;
      for (const batch of log) {
        if (batch.baseOffset !== next) this.#fail('A1', `node ${id} has offset ${batch.baseOffset} after ${next}`);
        if (batch.epoch < epoch) this.#fail('A2', `node ${id} has epoch ${batch.epoch} after ${epoch}`);
        next = batch.nextOffset;
        epoch = batch.epoch;
      }
      logs.push(log);
    }
    const [first = [], ...others] = logs;
    for (const other of others) {
      if (JSON.stringify(other) !== JSON.stringify(first)) this.#fail('A3', 'two replicas have different batches');
    }
  }

  #watch(): void {
    if (this.#isOver) return;
    this.#check();
    this.#cluster.simulation.after(everyMs, () => this.#watch());
  }

  #check(): void {
    const partition = this.#cluster.partition(this.#topicId, this.#index);
    const running = this.#cluster.nodes.flatMap((node) => {
      const replica = node.broker && this.#cluster.replica(node.id, this.#topicId, this.#index);
      return replica === undefined ? [] : [{ ...replica, id: node.id, life: node.life }];
    });
    for (const replica of running) {
      const { id, life, role, leaderEpoch, highWatermark, endOffset, logStartOffset } = replica;
      if (logStartOffset > highWatermark || highWatermark > endOffset) {
        this.#fail('A4', `node ${id}: start ${logStartOffset}, high watermark ${highWatermark}, end ${endOffset}`);
      }
      const key = `${id}:${life}:${leaderEpoch}`;
      const before = this.#highWatermarks.get(key) ?? 0;
      if (role !== 'none' && highWatermark < before) {
        this.#fail(
          'A5',
          `node ${id}: the high watermark of epoch ${leaderEpoch} falls from ${before} to ${highWatermark}`,
        );
      }
      this.#highWatermarks.set(key, highWatermark);
      if (role !== 'leader') continue;
      const other = this.#leaders.get(leaderEpoch) ?? id;
      if (other !== id) this.#fail('A7', `nodes ${other} and ${id} both lead in epoch ${leaderEpoch}`);
      this.#leaders.set(leaderEpoch, id);
      this.#committed = Math.max(this.#committed, highWatermark);
    }
    const eligible = [...partition.isr, ...partition.elr];
    for (const { id, role, leaderEpoch, endOffset, syncedEndOffset, leadership } of running) {
      if (eligible.includes(id) && endOffset < this.#committed) {
        this.#fail('A9', `node ${id} may lead, ends at ${endOffset}, and ${this.#committed} is committed`);
      }
      if (partition.isr.includes(id) && syncedEndOffset < this.#committed) {
        this.#fail('A11', `node ${id} is in sync, has synced ${syncedEndOffset}, and ${this.#committed} is committed`);
      }
      if (role !== 'leader' || leaderEpoch !== partition.leaderEpoch) continue;
      if (endOffset < this.#committed) this.#fail('A8', `leader ${id} ends at ${endOffset} below ${this.#committed}`);
      assert(leadership !== undefined, 'a leader has a leadership');
      const { isr, maximalIsr, partitionEpoch } = leadership;
      const isCovered = eligible.every((member) => maximalIsr.includes(member));
      if (partitionEpoch <= partition.partitionEpoch && isr.length >= partition.minInsyncReplicas && !isCovered) {
        this.#fail('A10', `leader ${id} goes by ${maximalIsr.join()}, the controller by ${eligible.join()}`);
      }
    }
  }

  #fail(id: string, what: string): void {
    if (this.violations.length < 20) this.violations.push(`${id} at ${this.#cluster.simulation.nowMs} ms: ${what}`);
  }
}
