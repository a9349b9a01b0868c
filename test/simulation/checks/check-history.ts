/** All checks that look at nothing but what clients were told. Each is linear in the history. */
import type { Plan } from '../plan/plan.js';
import type { History } from '../workload/history.js';
import { checkConsumers } from './check-consumers.js';
import { checkDeadlines } from './check-deadlines.js';
import { checkDurability } from './check-durability.js';
import { checkGroups } from './check-groups.js';
import { checkOffsets } from './check-offsets.js';
import { checkProducers } from './check-producers.js';
import { checkTimes } from './check-times.js';
import { checkTransactions } from './check-transactions.js';
import { expectationsOf, type TopicExpectation } from './expectation.js';
import type { Violation } from './violation.js';

export type HistoryCheck = (history: History, expectations: ReadonlyMap<string, TopicExpectation>) => Violation[];

const checks: readonly HistoryCheck[] = [
  checkDurability,
  checkOffsets,
  checkProducers,
  checkConsumers,
  checkTimes,
  checkDeadlines,
];

export function checkHistory(history: History, plan: Plan): Violation[] {
  const topics = expectationsOf(plan);
  const ofGroups = checkGroups(history, { groups: plan.config.groups ?? [], topics, isQuiet: isQuiet(plan) });
  return [...violationsIn(history, topics), ...ofGroups, ...checkTransactions(history.transactions)];
}

/** Nothing took a member by surprise. */
function isQuiet({ config, operations, faults }: Plan): boolean {
  const isSurprise = operations.some((each) => each.kind === 'member' && ['kill', 'pause'].includes(each.action));
  const members = (config.groups ?? []).flatMap((group) => group.members);
  const sessionMs = Number(config.nodeSettings['group.consumer.session.timeout.ms'] ?? Infinity);
  const isHasty = sessionMs < 3000 || members.some(({ maxPollIntervalMs }) => maxPollIntervalMs < 5000);
  return faults.length === 0 && !isSurprise && !isHasty;
}

/** As `checkHistory`, for a history that no plan made. */
export function violationsIn(history: History, expectations: ReadonlyMap<string, TopicExpectation>): Violation[] {
  return checks.flatMap((check) => check(history, expectations));
}
