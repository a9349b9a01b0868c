/**
 * Makes a plan that breaks a promise smaller while it still breaks the same one: fewer faults, fewer operations, fewer
 * clients, topics and nodes, plainer settings. Everything it tries is a plan of its own, so the result replays alone.
 */
import type { Plan, PlanConfig } from '../plan/plan.js';
import { groupsWithout, groupSteps } from './group-steps.js';
import { without, type Step } from './steps.js';
import { transactionSteps } from './transaction-steps.js';

export interface ShrinkOptions {
  /** Whether the promise is still broken. */
  readonly isBroken: (plan: Plan) => Promise<boolean>;
  readonly isOutOfTime: () => boolean;
}

export async function shrinkPlan(plan: Plan, options: ShrinkOptions): Promise<Plan> {
  let smallest = plan;
  for (;;) {
    const before = smallest;
    smallest = await shrinkList(smallest, faultsOf, options);
    smallest = await shrinkList(smallest, operationsOf, options);
    for (const step of configSteps(smallest)) smallest = await attempt(smallest, step, options);
    if (smallest === before || options.isOutOfTime()) return smallest;
  }
}

interface ListOf<Item> {
  readonly get: (plan: Plan) => readonly Item[];
  readonly set: (plan: Plan, items: readonly Item[]) => Plan;
}

const faultsOf: ListOf<Plan['faults'][number]> = {
  get: ({ faults }) => faults,
  set: (plan, faults) => ({ ...plan, faults }),
};

const operationsOf: ListOf<Plan['operations'][number]> = {
  get: ({ operations }) => operations,
  set: (plan, operations) => ({ ...plan, operations }),
};

/** Takes pieces out, half of all at first and single items in the end. */
async function shrinkList<Item>(plan: Plan, list: ListOf<Item>, options: ShrinkOptions): Promise<Plan> {
  let smallest = plan;
  for (let size = list.get(smallest).length; size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < list.get(smallest).length && !options.isOutOfTime();) {
      const items = list.get(smallest);
      const candidate = list.set(smallest, [...items.slice(0, from), ...items.slice(from + size)]);
      if (await options.isBroken(candidate)) smallest = candidate;
      else from += size;
    }
  }
  return smallest;
}

async function attempt(plan: Plan, step: Step, options: ShrinkOptions): Promise<Plan> {
  const candidate = step(plan);
  if (candidate === undefined || isSame(candidate, plan) || options.isOutOfTime()) return plan;
  return (await options.isBroken(candidate)) ? candidate : plan;
}

function isSame(one: Plan, other: Plan): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** Each takes one thing away or makes it plain. */
function configSteps({ config, operations }: Plan): Step[] {
  const change =
    (partial: Partial<PlanConfig>): Step =>
    (plan) => ({ ...plan, config: { ...plan.config, ...partial } });
  const steps: Step[] = [
    change({ ending: 'graceful' }),
    change({ auditMs: 0 }),
    change({ link: { minMs: 0.1, maxMs: 0.1 } }),
    change({ disk: { minMs: 0.1, maxMs: 0.1 } }),
    (plan) => withNodes(plan, 1),
    (plan) => withNodes(plan, plan.config.nodes - 2),
    (plan) =>
      plan.config.consumers.length > 0 ? change({ consumers: plan.config.consumers.slice(1) })(plan) : undefined,
    (plan) => withoutLastProducer(plan),
  ];
  steps.push(...groupSteps(config), ...transactionSteps(config));
  for (const key of Object.keys(config.nodeSettings)) {
    steps.push((plan) => change({ nodeSettings: without(plan.config.nodeSettings, key) })(plan));
  }
  for (const topic of config.topics) {
    steps.push((plan) => withoutTopic(plan, topic.name));
    for (const key of Object.keys(topic.configs)) steps.push((plan) => withoutTopicConfig(plan, topic.name, key));
    steps.push((plan) => withOnePartition(plan, topic.name));
    steps.push((plan) => withOneReplica(plan, topic.name));
  }
  for (const operation of operations) {
    if (operation.kind !== 'send') continue;
    for (const plainer of [{ count: 1 }, { count: Math.ceil(operation.count / 2) }, { sizeBytes: 0 }, { everyMs: 0 }]) {
      steps.push((plan) => withOperation(plan, operation.id, plainer));
    }
  }
  return steps;
}

/** Topics have no more replicas than there are nodes. */
function withNodes(plan: Plan, nodes: number): Plan | undefined {
  if (nodes < 1 || nodes >= plan.config.nodes) return undefined;
  const topics = plan.config.topics.map((topic) => {
    const minInSync = topic.configs['min.insync.replicas'];
    return {
      ...topic,
      replicationFactor: Math.min(topic.replicationFactor, nodes),
      configs:
        minInSync === undefined
          ? topic.configs
          : { ...topic.configs, 'min.insync.replicas': String(Math.min(Number(minInSync), nodes)) },
    };
  });
  return { ...plan, config: { ...plan.config, nodes, topics } };
}

function withoutLastProducer(plan: Plan): Plan | undefined {
  const { producers } = plan.config;
  return producers.length > 1 ? { ...plan, config: { ...plan.config, producers: producers.slice(0, -1) } } : undefined;
}

function withoutTopic(plan: Plan, name: string): Plan | undefined {
  const topics = plan.config.topics.filter((topic) => topic.name !== name);
  if (topics.length === 0) return undefined;
  const operations = plan.operations.filter((operation) => !('topic' in operation) || operation.topic !== name);
  const faults = plan.faults.filter(({ victim }) => victim.role !== 'leader' || victim.topic !== name);
  return { ...plan, operations, faults, config: { ...plan.config, topics, groups: groupsWithout(plan, name) } };
}

function withoutTopicConfig(plan: Plan, name: string, key: string): Plan {
  const topics = plan.config.topics.map((topic) =>
    topic.name === name ? { ...topic, configs: without(topic.configs, key) } : topic,
  );
  return { ...plan, config: { ...plan.config, topics } };
}

function withOneReplica(plan: Plan, name: string): Plan {
  const topics = plan.config.topics.map((topic) =>
    topic.name === name
      ? { ...topic, replicationFactor: 1, configs: without(topic.configs, 'min.insync.replicas') }
      : topic,
  );
  return { ...plan, config: { ...plan.config, topics } };
}

function withOnePartition(plan: Plan, name: string): Plan | undefined {
  const topic = plan.config.topics.find((each) => each.name === name);
  if (topic === undefined || topic.partitions === 1) return undefined;
  const topics = plan.config.topics.map((each) => (each.name === name ? { ...each, partitions: 1 } : each));
  const operations = plan.operations.map((operation) =>
    'partition' in operation && operation.topic === name ? { ...operation, partition: 0 } : operation,
  );
  return { ...plan, operations, config: { ...plan.config, topics } };
}

function withOperation(
  plan: Plan,
  id: number,
  partial: { count?: number; sizeBytes?: number; everyMs?: number },
): Plan {
  const operations = plan.operations.map((operation) =>
    operation.id === id && operation.kind === 'send' ? { ...operation, ...partial } : operation,
  );
  return { ...plan, operations };
}
