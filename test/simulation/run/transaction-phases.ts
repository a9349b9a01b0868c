/**
 * The transactional programs of a run. After healing every transaction ends by itself, and readers of committed records
 * come to the end of every partition (E4, E8).
 */
import type { FileSystem } from '@millrace/base';
import { Consumer } from '@millrace/consumer';
import { auditLedger } from '../checks/audit-ledger.js';
import { violation, type Violation } from '../checks/violation.js';
import { dataDirectory } from '../cluster/simulated-cluster.js';
import { textOf } from '../cluster/scan-log.js';
import { ledgerTopic } from '../plan/draw-transactions.js';
import type { TransactOperation, TransactorOperation } from '../plan/operation.js';
import type { TransactionsPlan } from '../plan/transactions-plan.js';
import type { AdministeringClient } from '../workload/administering-client.js';
import { Transactor } from '../workload/transactor.js';
import type { Workload } from '../workload/workload.js';

/** Longer than any transaction may be open, and the coordinator takes to notice. */
const settleMs = 60_000;
const pollMs = 200;

export class TransactionPhases {
  readonly transactors: readonly Transactor[];
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
  }

  async open(admin: AdministeringClient): Promise<void> {
    if (this.#plan === undefined) return;
    const { partitions, replicationFactor } = this.#plan;
    await admin.createTopic({ name: ledgerTopic, role: 'steady', partitions, replicationFactor, configs: {} });
    for (const transactor of this.transactors) transactor.start();
  }

  perform(operation: TransactOperation | TransactorOperation): void {
    const transactor = this.transactors[operation.transactor % this.transactors.length];
    if (operation.kind === 'transact') transactor?.transact(operation);
    else transactor?.perform(operation);
  }

  heal(): void {
    for (const transactor of this.transactors) transactor.wake();
  }

  async close(): Promise<void> {
    await Promise.all(this.transactors.map((transactor) => transactor.close()));
  }

  /** Waits until nothing is open, and reads what is committed. */
  async drain(admin: AdministeringClient): Promise<void> {
    if (this.#plan === undefined) return;
    const { simulation } = this.#workload;
    const untilMs = simulation.nowMs + settleMs;
    for (;;) {
      const open = await simulation.complete(admin.openTransactions(), settleMs);
      if (open.length === 0) break;
      if (simulation.nowMs > untilMs) {
        this.#violations.push(violation('E8', 'transactions do not come to an end after healing', open));
        return;
      }
      await simulation.runFor(pollMs);
    }
    const places = Array.from({ length: this.#plan.partitions }, (_, partition) => ({ topic: ledgerTopic, partition }));
    const ends = await simulation.complete(
      admin.offsets(places.map((place) => ({ ...place, at: 'latest' as const }))),
      settleMs,
    );
    const reader = new Consumer({
      bootstrap: this.#workload.bootstrap,
      clientId: 'drain of the ledger',
      assignments: places,
      from: 'beginning',
      isolation: 'read-committed',
      retryBackoffMaxMs: 200,
      environment: simulation.environment('drain'),
    });
    await simulation.complete(this.#readAll(reader, ends, untilMs), 2 * settleMs);
    await simulation.complete(reader.close(), settleMs);
  }

  /** In the end, on what all nodes have on their disks. */
  audit(disks: readonly FileSystem[]): Violation[] {
    if (this.#plan === undefined) return [];
    return Array.from({ length: this.#plan.partitions }, (_, partition) =>
      auditLedger(disks, `${dataDirectory}/${ledgerTopic}-${partition}`),
    ).flat();
  }

  async #readAll(reader: Consumer, ends: readonly number[], untilMs: number): Promise<void> {
    const { simulation, history } = this.#workload;
    const lists = ends.map((_, partition) => ({ partition, records: [] as { offset: number; value: string }[] }));
    void (async () => {
      for await (const { partition, offset, value } of reader) {
        lists[partition]?.records.push({ offset, value: textOf(value) });
      }
    })();
    const behind = (): string[] =>
      ends.flatMap((end, partition) => {
        const position = reader.position({ topic: ledgerTopic, partition }) ?? 0;
        return position < end ? [`${ledgerTopic}-${partition} ends at ${end}, and is read up to ${position}`] : [];
      });
    while (behind().length > 0) {
      if (simulation.nowMs > untilMs) {
        this.#violations.push(violation('E4', 'readers of committed records do not come to the end', behind()));
        return;
      }
      await new Promise<void>((resolve) => {
        simulation.after(pollMs, resolve);
      });
    }
    history.transactions.lists.push(...lists);
  }
}
