/**
 * A program that consumes, transforms and produces, on a machine of its own: each batch that is committed to the ledger goes
 * to another topic in a transaction, with how far the group has come. It has one consumer and one producer at a time; when
 * they fail it begins anew, as a restarted program would.
 */
import { assert, errorCode, errorMessage, sleep } from '@millrace/base';
import { Consumer } from '@millrace/consumer';
import { Producer } from '@millrace/producer';
import { textOf } from '../cluster/scan-log.js';
import { copiersGroup, copiesTopic } from '../plan/draw-copiers.js';
import { ledgerTopic } from '../plan/draw-transactions.js';
import type { CopierOperation } from '../plan/operation.js';
import type { CopierPlan, TransactionsPlan } from '../plan/transactions-plan.js';
import { MachineSleep } from './machine-sleep.js';
import { copyOf } from './transaction-history.js';
import { recordCall, restartMachine, type Workload } from './workload.js';

const againMs = 200;
const deliveryTimeoutMs = 3000;
const closeTimeoutMs = 3000;
/** The request to leave comes besides. */
const leaveTimeoutMs = 5000;

interface Life {
  readonly name: string;
  readonly consumer: Consumer;
  readonly producer: Producer;
}

export class Copier {
  readonly node: string;
  readonly transactionalId: string;
  readonly #workload: Workload;
  readonly #plan: CopierPlan;
  #life: Life | undefined;
  #lives = 0;
  #leaving: Promise<void> | undefined;
  readonly #sleep: MachineSleep;
  #isEnded = false;

  constructor(workload: Workload, { copiers = [] }: TransactionsPlan, index: number) {
    const plan = copiers[index];
    assert(plan !== undefined, `no copier ${index}`);
    this.#workload = workload;
    this.#plan = plan;
    this.node = `copier-${index}`;
    this.#sleep = new MachineSleep(workload, this.node);
    this.transactionalId = this.node;
  }

  start(): void {
    if (this.#life !== undefined || this.#leaving !== undefined || this.#isEnded) return;
    const { simulation, bootstrap } = this.#workload;
    const { isStatic, transactionTimeoutMs, requestTimeoutMs, maxPollIntervalMs } = this.#plan;
    this.#lives += 1;
    const name = `${this.node}.${this.#lives}`;
    const shared = {
      bootstrap,
      clientId: name,
      requestTimeoutMs,
      retryBackoffMs: 20,
      retryBackoffMaxMs: 200,
      environment: simulation.environment(this.node),
    };
    const consumer: Consumer = new Consumer({
      ...shared,
      group: copiersGroup,
      topics: [ledgerTopic],
      ...(isStatic ? { instanceId: this.node } : {}),
      delivery: 'exactly-once',
      isolation: 'read-committed',
      from: 'beginning',
      autoOffsetReset: 'error',
      maxPollIntervalMs,
      closeTimeoutMs,
      maxWaitMs: 100,
      metadataMaxAgeMs: 500,
    });
    const producer = new Producer({
      ...shared,
      transactionalId: this.transactionalId,
      transactionTimeoutMs,
      deliveryTimeoutMs,
      allowAutoCreate: false,
      onError: () => undefined,
    });
    const life = { name, consumer, producer };
    this.#life = life;
    this.#workload.timeLine.add(name, 'begins to copy');
    void this.#copy(life);
  }

  perform({ action, forMs }: Pick<CopierOperation, 'action' | 'forMs'>): void {
    if (action === 'kill') this.kill(forMs);
    else if (action === 'pause') this.pause(forMs);
    else void this.leave(true);
  }

  /** In order; with `isBack` it comes again at once. */
  async leave(isBack: boolean): Promise<void> {
    const life = this.#life;
    if (life === undefined) return;
    this.#life = undefined;
    const timeoutMs = closeTimeoutMs + leaveTimeoutMs + this.#plan.requestTimeoutMs + 3 * deliveryTimeoutMs;
    const leaving = recordCall(this.#workload, { client: life.name, text: 'leave', timeoutMs }, async () => {
      await life.consumer.close();
      await life.producer.close();
    });
    this.#leaving = leaving;
    await leaving;
    if (this.#leaving !== leaving) return;
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
    const { simulation, timeLine, marks } = this.#workload;
    if (this.#life === undefined) return;
    timeLine.add(this.#life.name, 'is killed');
    marks.hit('copier-killed');
    this.#life = undefined;
    this.#sleep.forget();
    restartMachine(this.#workload, this.node);
    simulation.after(downMs, () => this.start());
  }

  pause(forMs: number): void {
    if (this.#life === undefined) return;
    this.#sleep.pause(forMs);
  }

  wake(): void {
    this.#sleep.wake();
  }

  async #copy(life: Life): Promise<void> {
    const { simulation, timeLine, marks, history } = this.#workload;
    const { clock } = simulation.environment(this.node);
    const { workMs } = this.#plan;
    try {
      await life.consumer.transact({
        producer: life.producer,
        eachBatch: async (batch, tx) => {
          const { partition } = batch;
          for (const { offset, value } of batch) {
            const copy = copyOf({ partition, offset, value: textOf(value) });
            timeLine.add(life.name, `copies ${copy}`, true);
            marks.hit('record-copied');
            tx.send({ topic: copiesTopic, partition, value: copy }).catch(() => undefined);
          }
          if (workMs > 0) await sleep(clock, workMs);
        },
      });
    } catch (error) {
      if (this.#life !== life) return;
      const text = `copying failed: ${errorCode(error)}: ${errorMessage(error)}`;
      timeLine.add(life.name, text);
      history.transactions.copierErrors.push(`${life.name}: ${text}`);
      marks.hit('copier-failed');
      simulation.after(againMs, () => {
        if (this.#life === life) void this.leave(true);
      });
    }
  }
}
