/** What a run may expect of its topics. */
import type { Plan, TopicPlan } from '../plan/plan.js';

export interface TopicExpectation {
  readonly topic: TopicPlan;
  /** Whether what was acknowledged or read is there for ever: whether the plan stays within what the topic promises. */
  readonly isDurable: boolean;
}

/** Durability `replicated` survives the end of processes, not of power. */
export function expectationsOf(plan: Plan): Map<string, TopicExpectation> {
  const mayLoseCaches =
    ['lost', 'power-cut'].includes(plan.config.ending) ||
    plan.faults.some((fault) => fault.kind === 'crash' || (fault.kind === 'disk-error' && fault.call === 'sync'));
  return new Map(
    plan.config.topics.map((topic) => [
      topic.name,
      {
        topic,
        isDurable: topic.role !== 'churned' && (topic.configs['durability'] !== 'replicated' || !mayLoseCaches),
      },
    ]),
  );
}
