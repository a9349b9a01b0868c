/**
 * A program that writes in transactions, one after the other, and perhaps reads what is committed meanwhile. It has one
 * producer at a time; when another has taken its transactional id, the next transaction begins with a new one.
 */
import { assert, errorCode, errorMessage, sleep } from '@millrace/base';
import { Consumer } from '@millrace/consumer';
import { Producer, type Transaction } from '@millrace/producer';
import { textOf } from '../cluster/scan-log.js';
import { ledgerTopic } from '../plan/draw-transactions.js';
import type { TransactOperation, TransactorOperation } from '../plan/operation.js';
import type { TransactionsPlan, TransactorPlan } from '../plan/transactions-plan.js';
import { MachineSleep } from './machine-sleep.js';
import type { TransactionalProducer, TransactionEntry, TransactionOutcome } from './transaction-history.js';
import { recordCall, restartMachine, type Workload } from './workload.js';

const askAgainMs = 50;
const deliveryTimeoutMs = 3000;

export class Transactor {
  readonly node: string;
  readonly #workload: Workload;
  readonly #plan: TransactorPlan;
  readonly #partitions: number;
  #life = 1;
  #producer: Producer | undefined;
  /** The producer that has not begun a transaction yet. */
  #made: TransactionalProducer | undefined;
  #reader: Consumer | undefined;
  #open: TransactionEntry | undefined;
  #queue: Promise<void> = Promise.resolve();
  readonly #sleep: MachineSleep;
  #isDown = false;

  constructor(workload: Workload, plan: TransactionsPlan, index: number) {
    const own = plan.transactors[index];
    assert(own !== undefined, `no transactor ${index}`);
    this.#workload = workload;
    this.#plan = own;
    this.#partitions = plan.partitions;
    this.node = `transactor-${index}`;
    this.#sleep = new MachineSleep(workload, this.node, () => this.name);
  }

  get name(): string {
    return `${this.node}.${this.#life}`;
  }

  /** Of what it was told to do, something has begun and not ended. */
  get isBusy(): boolean {
    return this.#open !== undefined;
  }

  get transactionalId(): string {
    return this.#plan.transactionalId;
  }

  start(): void {
    const { simulation, bootstrap } = this.#workload;
    const environment = simulation.environment(this.node);
    if (!this.#plan.isReading) return;
    const reader: Consumer = new Consumer({
      bootstrap,
      clientId: this.name,
      assignments: Array.from({ length: this.#partitions }, (_, partition) => ({ topic: ledgerTopic, partition })),
      from: 'beginning',
      isolation: 'read-committed',
      maxWaitMs: 200,
      retryBackoffMaxMs: 200,
      environment,
    });
    this.#reader = reader;
    void this.#read(reader, this.name);
  }

  transact(operation: TransactOperation): void {
    const life = this.#life;
    this.#queue = this.#queue.then(() => {
      const isOver = life !== this.#life || this.#workload.gate.isClosed || this.#isDown;
      return isOver ? undefined : this.#transact(operation, life);
    });
  }

  perform({ action, forMs }: Pick<TransactorOperation, 'action' | 'forMs'>): void {
    if (action === 'kill') this.kill(forMs);
    else if (action === 'pause') this.pause(forMs);
    else {
      const producer = this.#producer;
      this.#producer = undefined;
      if (producer !== undefined) void this.#closeProducer(producer);
    }
  }

  kill(downMs: number): void {
    if (this.#isDown) return;
    const { simulation, timeLine, marks } = this.#workload;
    timeLine.add(this.name, 'is killed');
    marks.hit('transactor-killed');
    const entry = this.#open;
    if (entry !== undefined) this.#end(entry, isCommitAsked(entry) ? 'unknown' : 'aborted', 'the program was killed');
    restartMachine(this.#workload, this.node);
    this.#sleep.forget();
    this.#isDown = true;
    this.#life += 1;
    this.#producer = undefined;
    this.#reader = undefined;
    this.#queue = Promise.resolve();
    simulation.after(downMs, () => {
      this.#isDown = false;
      if (!this.#workload.gate.isClosed) this.start();
    });
  }

  pause(forMs: number): void {
    if (this.#isDown) return;
    this.#sleep.pause(forMs);
  }

  wake(): void {
    this.#sleep.wake();
  }

  /** When what is begun has ended. */
  async close(): Promise<void> {
    await this.#queue;
    const [producer, reader] = [this.#producer, this.#reader];
    this.#producer = undefined;
    this.#reader = undefined;
    if (producer !== undefined) await this.#closeProducer(producer);
    await reader?.close();
  }

  async #transact({ id, writes, ending, holdMs }: TransactOperation, life: number): Promise<void> {
    const { history, simulation, timeLine } = this.#workload;
    const { clock } = simulation.environment(this.node);
    const entry: TransactionEntry = {
      id: `t${id}`,
      client: this.name,
      transactionalId: this.transactionalId,
      writes: [],
      reads: [],
      begunMs: simulation.nowMs,
      endedMs: Infinity,
      commitAskedMs: Infinity,
      outcome: 'pending',
      error: undefined,
    };
    history.transactions.entries.push(entry);
    this.#open = entry;
    const producer = (this.#producer ??= this.#newProducer());
    let tx: Transaction | undefined;
    try {
      tx = await producer.beginTransaction();
      this.#begun();
      timeLine.add(entry.client, `${entry.id} begins`);
      for (const [index, partition] of writes.entries()) {
        const value = `${entry.id}.${index}`;
        entry.writes.push({ partition, value });
        tx.send({ topic: ledgerTopic, partition, value }).catch(() => undefined);
      }
      if (holdMs > 0) await sleep(clock, holdMs);
      if (ending === 'commit') {
        entry.commitAskedMs = simulation.nowMs;
        await this.#commit(tx, life);
        this.#end(entry, 'committed', undefined);
      } else {
        await tx.abort();
        this.#end(entry, 'aborted', undefined);
      }
    } catch (error) {
      await this.#failed(entry, tx, error);
      if (life !== this.#life) return;
      if (this.#producer === producer && unusable.has(errorCode(error))) {
        this.#producer = undefined;
        await this.#closeProducer(producer);
      }
    }
  }

  #begun(): void {
    const made = this.#made;
    this.#made = undefined;
    if (made === undefined) return;
    made.isKnownOnce = this.#workload.simulation.nowMs - made.madeMs < this.#plan.requestTimeoutMs;
  }

  /** Nothing else may follow before the outcome is known. */
  async #commit(tx: Transaction, life: number): Promise<void> {
    const { simulation } = this.#workload;
    for (;;) {
      try {
        await tx.commit();
        return;
      } catch (error) {
        if (!tx.isUndecided || life !== this.#life) throw error;
        this.#workload.marks.hit('commit-asked-again');
      }
      await sleep(simulation.environment(this.node).clock, askAgainMs);
    }
  }

  async #failed(entry: TransactionEntry, tx: Transaction | undefined, error: unknown): Promise<void> {
    const text = `${errorCode(error)}: ${errorMessage(error)}`;
    const isUnknown = isCommitAsked(entry) && (text.includes('may or may not') || lost.has(errorCode(error)));
    if (errorCode(error) === 'PRODUCER_FENCED') this.#workload.marks.hit('transactor-fenced');
    this.#end(entry, isUnknown ? 'unknown' : 'aborted', text);
    if (tx?.isOpen !== true) return;
    try {
      await tx.abort();
    } catch (failure) {
      this.#workload.timeLine.add(entry.client, `abort failed: ${errorMessage(failure)}`);
    }
  }

  #end(entry: TransactionEntry, outcome: TransactionOutcome, error: string | undefined): void {
    if (entry.outcome !== 'pending') return;
    const { simulation, timeLine, marks } = this.#workload;
    entry.outcome = outcome;
    entry.error = error;
    entry.endedMs = simulation.nowMs;
    if (this.#open === entry) this.#open = undefined;
    marks.hit(`transaction-${outcome}`);
    timeLine.add(entry.client, `${entry.id} ${outcome}${error === undefined ? '' : `: ${error}`}`);
  }

  #newProducer(): Producer {
    const { simulation, bootstrap } = this.#workload;
    const { transactionalId, transactionTimeoutMs, requestTimeoutMs, lingerMs, batchBytes, maxInFlightRequests } =
      this.#plan;
    this.#made = { transactionalId, madeMs: simulation.nowMs, isKnownOnce: false };
    this.#workload.history.transactions.producers.push(this.#made);
    return new Producer({
      bootstrap,
      clientId: this.name,
      transactionalId,
      transactionTimeoutMs,
      requestTimeoutMs,
      deliveryTimeoutMs,
      lingerMs,
      batchBytes,
      maxInFlightRequests,
      retryBackoffMs: 20,
      retryBackoffMaxMs: 200,
      allowAutoCreate: false,
      onError: () => undefined,
      environment: simulation.environment(this.node),
    });
  }

  async #closeProducer(producer: Producer): Promise<void> {
    const call = { client: this.name, text: 'close', timeoutMs: 3 * deliveryTimeoutMs };
    await recordCall(this.#workload, call, () => producer.close());
  }

  async #read(reader: Consumer, client: string): Promise<void> {
    const { history, simulation, timeLine } = this.#workload;
    try {
      for await (const { partition, offset, value } of reader) {
        const text = textOf(value);
        timeLine.add(client, `read ${text} at ${ledgerTopic}-${partition} offset ${offset}`, true);
        history.transactions.reads.push({
          reader: client,
          partition,
          offset,
          value: text,
          readMs: simulation.nowMs,
        });
        // Once the commit is asked for, what is read may be younger than it.
        if (this.#open !== undefined && !isCommitAsked(this.#open)) this.#open.reads.push({ partition, value: text });
      }
    } catch (error) {
      const failure = { code: errorCode(error), message: errorMessage(error) };
      history.readFailures.push({ consumer: client, topic: ledgerTopic, failedMs: simulation.nowMs, ...failure });
    }
  }
}

function isCommitAsked({ commitAskedMs }: TransactionEntry): boolean {
  return commitAskedMs < Infinity;
}

/** The producer is of no use any more. */
const unusable: ReadonlySet<string> = new Set([
  'PRODUCER_FENCED',
  'INVALID_PRODUCER_ID_MAPPING',
  'INVALID_PRODUCER_EPOCH',
  'CONNECTION_CLOSED',
]);
/** Nobody is left who could be asked. */
const lost: ReadonlySet<string> = new Set(['INVALID_PRODUCER_ID_MAPPING', 'CONNECTION_CLOSED', 'REQUEST_TIMED_OUT']);
