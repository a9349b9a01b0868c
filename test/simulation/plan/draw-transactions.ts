/** Transactions for some of the seeds, and faults that hit their coordinators. */
import type { Choice } from './choice.js';
import type { Fault } from './fault.js';
import type { Operation, TransactOperation, TransactorOperation } from './operation.js';
import type { PlanConfig } from './plan.js';
import type { TransactorPlan } from './transactions-plan.js';

const share = 0.2;
export const ledgerTopic = 'ledger';
export const transactionTopic = '__transaction_state';

type Drawn = Pick<PlanConfig, 'transactions' | 'nodeSettings'>;

/** Of which the settings go into those of the nodes. */
export function drawTransactions({ nodes, nodeSettings }: PlanConfig, choice: Choice): Drawn {
  if (!choice.chance(share)) return { nodeSettings };
  const isShared = choice.chance(0.4);
  const transactors = Array.from({ length: choice.between(1, 3) }, (_, index): TransactorPlan => {
    return {
      transactionalId: isShared ? 'shared' : `own-${index}`,
      transactionTimeoutMs: choice.of([300, 1000, 1000, 5000]),
      requestTimeoutMs: choice.of([300, 1000]),
      lingerMs: choice.of([0, 5]),
      batchBytes: choice.of([256, 16_384]),
      maxInFlightRequests: choice.between(1, 5),
      isReading: choice.chance(0.5),
    };
  });
  return {
    transactions: {
      partitions: choice.between(1, 4),
      replicationFactor: choice.of([1, 3, 3].filter((count) => count <= nodes)),
      transactors,
    },
    nodeSettings: {
      ...nodeSettings,
      'transaction.state.log.num.partitions': String(choice.of([1, 2])),
      'transaction.abort.timed.out.transaction.cleanup.interval.ms': String(choice.of([100, 500])),
    },
  };
}

export function withTransactions(
  { transactions, safetyMs }: PlanConfig,
  operations: readonly Operation[],
  choice: Choice,
): readonly Operation[] {
  if (transactions === undefined) return operations;
  let id = Math.max(0, ...operations.map((operation) => operation.id));
  const isChurning = choice.chance(0.7);
  const drawn = Array.from({ length: choice.magnitude(4, 25) }, (): TransactOperation | TransactorOperation => {
    const scheduled = {
      id: (id += 1),
      atMs: choice.between(0, safetyMs),
      transactor: choice.between(0, transactions.transactors.length - 1),
    };
    if (isChurning && choice.chance(0.2)) {
      const action = choice.of(['kill', 'pause', 'restart'] as const);
      return { ...scheduled, kind: 'transactor', action, forMs: choice.magnitude(30, 4000) };
    }
    return {
      ...scheduled,
      kind: 'transact',
      writes: Array.from({ length: choice.between(0, 6) }, () => choice.between(0, transactions.partitions - 1)),
      ending: choice.of(['commit', 'commit', 'commit', 'abort'] as const),
      holdMs: choice.chance(0.2) ? choice.magnitude(100, 3000) : choice.of([0, 0, 5]),
    };
  });
  return [...operations, ...drawn].sort((a, b) => a.atMs - b.atMs || a.id - b.id);
}

/** Some of the faults hit whoever coordinates transactions, or leads what they write to. */
export function aimedAtTransactions(config: PlanConfig, faults: readonly Fault[], choice: Choice): readonly Fault[] {
  const { transactions, nodeSettings } = config;
  if (transactions === undefined) return faults;
  const coordinators = Number(nodeSettings['transaction.state.log.num.partitions'] ?? 1);
  return faults.map((fault) => {
    const luck = choice.between(0, 9);
    if (luck < 3) return aimedAt(fault, transactionTopic, choice.between(0, coordinators - 1));
    return luck < 5 ? aimedAt(fault, ledgerTopic, choice.between(0, transactions.partitions - 1)) : fault;
  });
}

function aimedAt(fault: Fault, topic: string, partition: number): Fault {
  return { ...fault, victim: { role: 'leader', topic, partition } };
}
