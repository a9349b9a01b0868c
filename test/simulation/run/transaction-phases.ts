/**
 * The transactional programs of a run. After healing every transaction ends by itself, and readers of committed records
 * come to the end of every partition (E4, E8).
 */
import { errorMessage, type FileSystem } from '@millrace/base';
import { auditLedger } from '../checks/audit-ledger.js';
import { violation, type Violation } from '../checks/violation.js';
import { dataDirectory } from '../cluster/simulated-cluster.js';
import { copiersGroup, copiesTopic } from '../plan/draw-copiers.js';
import { ledgerTopic } from '../plan/draw-transactions.js';
import type { CopierOperation, TransactOperation, TransactorOperation } from '../plan/operation.js';
import type { TransactionsPlan } from '../plan/transactions-plan.js';
import type { AdministeringClient } from '../workload/administering-client.js';
import { Copier } from '../workload/copier.js';
import type { CommittedList } from '../workload/transaction-history.js';
import { Transactor } from '../workload/transactor.js';
import type { Workload } from '../workload/workload.js';
import { readCommitted } from './read-committed.js';

/** Longer than any transaction may be open, and the coordinator takes to notice. */
const settleMs = 60_000;
const pollMs = 200;

export class TransactionPhases {
  readonly transactors: readonly Transactor[];
  readonly copiers: readonly Copier[];
  readonly #workload: Workload;
  readonly #violations: Violation[];
  readonly #plan: TransactionsPlan | undefined;

  constructor(workload: Workload, violations: Violation[]) {
    const plan = workload.plan.config.transactions;
    this.#workload = workload;
    this.#violations = violations;
    this.#plan = plan;
    this.transactors =
      plan === undefined ? [] : plan.transactors.map((_, index) => new Transactor(workload, plan, index));
    this.copiers = (plan?.copiers ?? []).map((_, index) => new Copier(workload, plan as TransactionsPlan, index));
  }

  async open(admin: AdministeringClient): Promise<void> {
    if (this.#plan === undefined) return;
    const { partitions, replicationFactor } = this.#plan;
    await admin.createTopic({ name: ledgerTopic, role: 'steady', partitions, replicationFactor, configs: {} });
    if (this.copiers.length > 0) {
      await admin.createTopic({ name: copiesTopic, role: 'steady', partitions, replicationFactor, configs: {} });
    }
    for (const each of [...this.transactors, ...this.copiers]) each.start();
  }

  perform(operation: TransactOperation | TransactorOperation | CopierOperation): void {
    if (operation.kind === 'copier') {
      this.copiers[operation.copier % this.copiers.length]?.perform(operation);
      return;
    }
    const transactor = this.transactors[operation.transactor % this.transactors.length];
    if (operation.kind === 'transact') transactor?.transact(operation);
    else transactor?.perform(operation);
  }

  heal(): void {
    for (const each of [...this.transactors, ...this.copiers]) each.wake();
  }

  async close(): Promise<void> {
    await Promise.all([...this.transactors, ...this.copiers].map((each) => each.close()));
  }

  /** Nobody writes to the ledger any more; copiers come to its end. */
  async settle(admin: AdministeringClient): Promise<void> {
    const { simulation, history } = this.#workload;
    if (this.#plan === undefined || this.copiers.length === 0) return;
    for (const copier of this.copiers) copier.start();
    await simulation.complete(Promise.all(this.transactors.map((each) => each.close())), settleMs);
    const isCopier = new Set(this.copiers.map(({ transactionalId }) => transactionalId));
    if (!(await this.#untilNothingIsOpen(admin, (transactionalId) => !isCopier.has(transactionalId)))) return;
    const lists = await this.#read(admin, ledgerTopic);
    if (lists === undefined) return;
    const untilMs = simulation.nowMs + settleMs;
    for (;;) {
      const described = await simulation.complete(admin.describeGroup(copiersGroup), settleMs);
      const behind = lists.flatMap(({ partition, records }) => {
        const last = records.at(-1)?.offset ?? -1;
        const committed = described?.offsets.find((each) => each.topic === ledgerTopic && each.partition === partition);
        const offset = committed?.committed ?? 0;
        return offset > last ? [] : [`${ledgerTopic}-${partition} has records up to ${last}, committed is ${offset}`];
      });
      if (behind.length === 0) return;
      if (simulation.nowMs > untilMs) {
        const members = described?.members.map(
          ({ clientId, state, epoch }) => `${clientId} ${state} at epoch ${epoch}`,
        );
        const evidence = [...behind, ...(members ?? []), ...history.transactions.copierErrors.slice(-3)];
        this.#violations.push(violation('E8', 'copiers do not come to the end after healing', evidence));
        return;
      }
      await simulation.runFor(pollMs);
    }
  }

  /** Waits until nothing is open, and reads what is committed. */
  async drain(admin: AdministeringClient): Promise<void> {
    const { transactions } = this.#workload.history;
    if (this.#plan === undefined || !(await this.#untilNothingIsOpen(admin, () => true))) return;
    transactions.lists.push(...((await this.#read(admin, ledgerTopic)) ?? []));
    if (this.copiers.length > 0) transactions.copies.push(...((await this.#read(admin, copiesTopic)) ?? []));
  }

  /** In the end, on what all nodes have on their disks. */
  audit(disks: readonly FileSystem[]): Violation[] {
    if (this.#plan === undefined) return [];
    return Array.from({ length: this.#plan.partitions }, (_, partition) =>
      [ledgerTopic, copiesTopic].flatMap((topic) => auditLedger(disks, `${dataDirectory}/${topic}-${partition}`)),
    ).flat();
  }

  async #untilNothingIsOpen(
    admin: AdministeringClient,
    counts: (transactionalId: string) => boolean,
  ): Promise<boolean> {
    const { simulation } = this.#workload;
    const untilMs = simulation.nowMs + settleMs;
    for (;;) {
      const open = (await simulation.complete(admin.openTransactions(), settleMs)).filter(({ id }) => counts(id));
      if (open.length === 0) return true;
      if (simulation.nowMs > untilMs) {
        const evidence = open.map(({ text }) => text);
        this.#violations.push(violation('E8', 'transactions do not come to an end after healing', evidence));
        return false;
      }
      await simulation.runFor(pollMs);
    }
  }

  async #read(admin: AdministeringClient, topic: string): Promise<CommittedList[] | undefined> {
    const { simulation } = this.#workload;
    const partitions = this.#plan?.partitions ?? 0;
    try {
      return await simulation.complete(readCommitted(this.#workload, admin, { topic, partitions }), 2 * settleMs);
    } catch (error) {
      const text = 'readers of committed records do not come to the end';
      this.#violations.push(violation('E4', text, [errorMessage(error)]));
      return undefined;
    }
  }
}
