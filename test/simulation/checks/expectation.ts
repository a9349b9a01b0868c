/** What a run may expect of its topics. */
import type { Plan, TopicPlan } from '../plan/plan.js';

export interface TopicExpectation {
  readonly topic: TopicPlan;
  /** Whether what was acknowledged or read is there for ever: whether the plan stays within what the topic promises. */
  readonly isDurable: boolean;
}

export function expectationsOf(plan: Plan): Map<string, TopicExpectation> {
  const forgetful = forgetfulTopics(plan);
  return new Map(
    plan.config.topics.map((topic) => [
      topic.name,
      { topic, isDurable: topic.role !== 'churned' && !forgetful.has(topic.name) },
    ]),
  );
}

/** Topics that may lose what was acknowledged: durability `replicated` survives the end of processes, not of power. */
export function forgetfulTopics({ config, faults }: Plan): Set<string> {
  const mayLoseCaches =
    ['lost', 'power-cut'].includes(config.ending) ||
    faults.some(
      (fault) =>
        fault.kind === 'crash' ||
        (fault.kind === 'failpoint' && fault.ending === 'power-cut') ||
        (fault.kind === 'disk-error' && fault.call === 'sync'),
    );
  const forgetful = config.topics.filter(({ configs }) => mayLoseCaches && configs['durability'] === 'replicated');
  return new Set(forgetful.map(({ name }) => name));
}
