/**
 * Programs that consume, transform and produce, for some of the seeds with transactions: what is committed to the ledger is
 * copied to another topic, and how far that has come is committed with the copies.
 */
import { offsetsTopic } from '../cluster/read-groups.js';
import type { Choice } from './choice.js';
import { withGroupSettings } from './draw-groups.js';
import type { Fault } from './fault.js';
import type { CopierOperation, Operation } from './operation.js';
import type { PlanConfig } from './plan.js';
import type { CopierPlan } from './transactions-plan.js';

const share = 0.5;
export const copiesTopic = 'copies';
export const copiersGroup = 'copiers';

type Drawn = Pick<PlanConfig, 'nodeSettings'> & Partial<Pick<PlanConfig, 'transactions'>>;

/** Of which the settings go into those of the nodes. */
export function drawCopiers(config: PlanConfig, choice: Choice): Drawn {
  const { transactions, groups = [], nodeSettings } = config;
  if (transactions === undefined || !choice.chance(share)) return { nodeSettings };
  const hasStatic = choice.chance(0.3);
  const copiers = Array.from({ length: choice.between(1, 3) }, (): CopierPlan => {
    return {
      isStatic: hasStatic && choice.chance(0.6),
      transactionTimeoutMs: choice.of([300, 1000, 5000]),
      requestTimeoutMs: choice.of([500, 1000]),
      maxPollIntervalMs: choice.of([300, 5000, 300_000]),
      workMs: choice.of([0, 0, 1, 20]),
    };
  });
  const settings = groups.length > 0 ? nodeSettings : withGroupSettings(config, choice);
  return { transactions: { ...transactions, copiers }, nodeSettings: settings };
}

/** What copiers do, in the order of time with all else. */
export function withCopierOperations(
  { transactions, safetyMs }: PlanConfig,
  operations: readonly Operation[],
  choice: Choice,
): readonly Operation[] {
  const copiers = transactions?.copiers ?? [];
  if (copiers.length === 0 || choice.chance(0.2)) return operations;
  let id = Math.max(0, ...operations.map((operation) => operation.id));
  const drawn = Array.from({ length: choice.magnitude(1, 8) }, (): CopierOperation => {
    return {
      kind: 'copier',
      id: (id += 1),
      atMs: choice.between(0, safetyMs),
      copier: choice.between(0, copiers.length - 1),
      action: choice.of(['kill', 'pause', 'restart']),
      forMs: choice.magnitude(30, 4000),
    };
  });
  return [...operations, ...drawn].sort((a, b) => a.atMs - b.atMs || a.id - b.id);
}

/** Some of the faults hit whoever coordinates the group of the copiers. */
export function aimedAtCopiers(config: PlanConfig, faults: readonly Fault[], choice: Choice): readonly Fault[] {
  if ((config.transactions?.copiers ?? []).length === 0) return faults;
  const partitions = Number(config.nodeSettings['offsets.topic.num.partitions'] ?? 1);
  return faults.map((fault) => {
    if (!choice.chance(0.2)) return fault;
    const partition = choice.between(0, partitions - 1);
    return { ...fault, victim: { role: 'leader', topic: offsetsTopic, partition } };
  });
}
