/**
 * Tells the leaders of partitions how transactions ended, until each of them knows.
 *
 *     add --> by leader --> one request to each node at a time, with all that gathered meanwhile
 *                 \-------> no leader, no answer, a refusal: again after a pause, by the leader of that moment
 *
 * A marker that is there already counts as written, so that nothing is lost by asking twice. A partition whose topic was
 * deleted needs none: but only metadata at least as new as that in which it was seen can say so.
 */
import { backoffMs, type Clock, errorMessage, type Logger, type RandomStream, type Timer } from '@millrace/base';
import { errorByNumber, type WriteTxnMarkersRequest, type WriteTxnMarkersResponse } from '@millrace/protocol';
import { indexOf, type PartitionKey, topicIdOf } from '../assignor/topic-partition.js';
import type { ProducerIdentity } from './transaction-state.js';

/** A transaction that is decided. */
export interface DecidedTransaction {
  readonly transactionalId: string;
  /** Of the marker. */
  readonly identity: ProducerIdentity;
  readonly coordinatorEpoch: number;
  readonly isCommitted: boolean;
  readonly partitions: ReadonlySet<PartitionKey>;
  readonly metadataPosition: number;
  /** The coordinator that decided it is not it any more: whoever is now sends the markers too. */
  readonly isOver: () => boolean;
  /** Called once, when every partition knows. */
  readonly onDone: () => void;
}

/** What of the cluster's metadata it goes by. */
export interface PartitionLeaders {
  readonly position: number;
  topicById(topicId: string): object | undefined;
  partition(topicId: string, partition: number): { readonly leader: number } | undefined;
}

export interface MarkerSenderOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: RandomStream;
  readonly leaders: () => PartitionLeaders;
  /** To the leader at a node, which may be this one. */
  readonly write: (nodeId: number, request: WriteTxnMarkersRequest) => Promise<WriteTxnMarkersResponse>;
}

interface Job {
  readonly transaction: DecidedTransaction;
  readonly left: Set<PartitionKey>;
  failures: number;
  /** Not on their way: tried again when the timer fires. */
  readonly paused: Set<PartitionKey>;
  timer: Timer | undefined;
}

interface Item {
  readonly job: Job;
  readonly partitions: readonly PartitionKey[];
}

interface Lane {
  queue: Item[];
  isSending: boolean;
}

const backoff = { initialMs: 20, maxMs: 1000, jitter: 0.2 };
const maxMarkersPerRequest = 500;
const maxPartitionsPerRequest = 5000;

export class MarkerSender {
  readonly #options: MarkerSenderOptions;
  readonly #jobs = new Set<Job>();
  /** By node id: as many as there are nodes. */
  readonly #lanes = new Map<number, Lane>();
  #isClosed = false;

  constructor(options: MarkerSenderOptions) {
    this.#options = options;
  }

  add(transaction: DecidedTransaction): void {
    if (this.#isClosed) return;
    const job: Job = {
      transaction,
      left: new Set(transaction.partitions),
      failures: 0,
      paused: new Set(),
      timer: undefined,
    };
    this.#jobs.add(job);
    this.#route(job, [...job.left]);
  }

  /** Transactions of which not every partition knows yet. */
  get size(): number {
    return this.#jobs.size;
  }

  close(): void {
    this.#isClosed = true;
    for (const job of this.#jobs) job.timer?.cancel();
    this.#jobs.clear();
    this.#lanes.clear();
  }

  #route(job: Job, partitions: readonly PartitionKey[]): void {
    const { transaction } = job;
    const leaders = this.#options.leaders();
    const byNode = new Map<number, PartitionKey[]>();
    const leaderless: PartitionKey[] = [];
    for (const key of partitions) {
      const topicId = topicIdOf(key);
      if (leaders.topicById(topicId) === undefined && leaders.position >= transaction.metadataPosition) {
        job.left.delete(key);
        continue;
      }
      const leader = leaders.partition(topicId, indexOf(key))?.leader ?? -1;
      if (leader === -1) leaderless.push(key);
      else byNode.set(leader, [...(byNode.get(leader) ?? []), key]);
    }
    for (const [nodeId, keys] of byNode) this.#enqueue(nodeId, { job, partitions: keys });
    if (leaderless.length > 0) this.#pause(job, leaderless);
    this.#finishIfDone(job);
  }

  #enqueue(nodeId: number, item: Item): void {
    let lane = this.#lanes.get(nodeId);
    if (lane === undefined) {
      lane = { queue: [], isSending: false };
      this.#lanes.set(nodeId, lane);
    }
    lane.queue.push(item);
    if (lane.isSending) return;
    lane.isSending = true;
    const started = lane;
    // With what else this turn of the loop decides.
    this.#options.clock.nextTurn(() => void this.#sendAll(nodeId, started));
  }

  async #sendAll(nodeId: number, lane: Lane): Promise<void> {
    while (lane.queue.length > 0 && !this.#isClosed) {
      const items = takeRequest(lane.queue).filter(({ job }) => !this.#dropIfOver(job));
      if (items.length > 0) await this.#send(nodeId, items);
    }
    lane.isSending = false;
  }

  /** Never rejects. */
  async #send(nodeId: number, items: readonly Item[]): Promise<void> {
    const markers = items.map(({ job: { transaction }, partitions }) => ({
      ...transaction.identity,
      coordinatorEpoch: transaction.coordinatorEpoch,
      committed: transaction.isCommitted,
      partitions: partitions.map((key) => ({ topicId: topicIdOf(key), partition: indexOf(key) })),
    }));
    let reply: WriteTxnMarkersResponse | undefined;
    try {
      reply = await this.#options.write(nodeId, { markers });
    } catch (error) {
      const facts = { nodeId, transactions: items.length, error: errorMessage(error) };
      this.#options.logger.debug('ends of transactions did not reach a node; it is tried again', facts);
    }
    if (this.#isClosed) return;
    for (const [index, item] of items.entries()) this.#answered(item, reply?.markers[index]);
  }

  #answered({ job, partitions }: Item, reply: WriteTxnMarkersResponse['markers'][number] | undefined): void {
    if (this.#dropIfOver(job)) return;
    const failed: PartitionKey[] = [];
    for (const [index, key] of partitions.entries()) {
      const result = reply?.partitions[index];
      const isAnswer = result?.topicId === topicIdOf(key) && result.partition === indexOf(key);
      if (isAnswer && this.#isWritten(job, key, result)) job.left.delete(key);
      else failed.push(key);
    }
    if (failed.length > 0) this.#pause(job, failed);
    this.#finishIfDone(job);
  }

  #isWritten(job: Job, key: PartitionKey, { error, message }: { error: number; message: string | null }): boolean {
    if (error === 0) return true;
    const code = errorByNumber(error)?.name ?? 'UNKNOWN_SERVER_ERROR';
    const { transactionalId, identity } = job.transaction;
    const facts = { transactionalId, ...identity, partition: key, code, error: message };
    // The producer has written there under a higher epoch: nothing of this transaction can be open.
    if (code === 'INVALID_PRODUCER_EPOCH') {
      this.#options.logger.warn('a partition knows a later epoch than the end of this transaction', facts);
      return true;
    }
    this.#options.logger.debug('the end of a transaction was not written; it is tried again', facts);
    return false;
  }

  #pause(job: Job, partitions: readonly PartitionKey[]): void {
    for (const key of partitions) job.paused.add(key);
    if (job.timer !== undefined) return;
    job.failures += 1;
    const { clock, random } = this.#options;
    job.timer = clock.schedule(backoffMs(job.failures, backoff, random), () => {
      job.timer = undefined;
      const again = [...job.paused];
      job.paused.clear();
      if (!this.#dropIfOver(job)) this.#route(job, again);
    });
  }

  #dropIfOver(job: Job): boolean {
    if (!job.transaction.isOver()) return false;
    job.timer?.cancel();
    this.#jobs.delete(job);
    return true;
  }

  #finishIfDone(job: Job): void {
    if (job.left.size > 0 || !this.#jobs.delete(job)) return;
    job.transaction.onDone();
  }
}

/** From the front of the queue, what goes into one request. */
function takeRequest(queue: Item[]): Item[] {
  let count = 0;
  let partitions = 0;
  for (const item of queue) {
    partitions += item.partitions.length;
    if (count > 0 && (count === maxMarkersPerRequest || partitions > maxPartitionsPerRequest)) break;
    count += 1;
  }
  return queue.splice(0, count);
}
