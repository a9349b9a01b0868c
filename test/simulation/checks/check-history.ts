/** All checks that look at nothing but what clients were told. Each is linear in the history. */
import type { Plan } from '../plan/plan.js';
import type { History } from '../workload/history.js';
import { checkConsumers } from './check-consumers.js';
import { checkDeadlines } from './check-deadlines.js';
import { checkDurability } from './check-durability.js';
import { checkOffsets } from './check-offsets.js';
import { checkProducers } from './check-producers.js';
import { checkTimes } from './check-times.js';
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
  return violationsIn(history, expectationsOf(plan));
}

/** As `checkHistory`, for a history that no plan made. */
export function violationsIn(history: History, expectations: ReadonlyMap<string, TopicExpectation>): Violation[] {
  return checks.flatMap((check) => check(history, expectations));
}
