/** The plan of a scenario under a seed: the cluster that its text asks for, and all else drawn. */
import { seededRandom } from '@millrace/testkit';
import { Choice } from '../simulation/plan/choice.js';
import type { GroupPlan } from '../simulation/plan/group-plan.js';
import type { Ending, Plan, ProducerPlan } from '../simulation/plan/plan.js';
import type { TransactionsPlan } from '../simulation/plan/transactions-plan.js';
import type { Scenario, ScenarioGroup } from './scenario.js';

/** Short times, so that little virtual time passes until somebody is missed. */
const usualSettings: Readonly<Record<string, string>> = {
  'broker.session.timeout.ms': '1000',
  'broker.heartbeat.interval.ms': '100',
  'controller.quorum.election.timeout.ms': '300',
  'controller.quorum.heartbeat.interval.ms': '50',
  'replica.lag.time.max.ms': '1000',
  'replica.fetch.wait.max.ms': '100',
  'controlled.shutdown.timeout.ms': '2000',
  'auto.leader.rebalance.enable': 'false',
  'retention.ms': '-1',
  'log.low.space.bytes': '0',
  // One of each, so that a text can name it.
  'transaction.state.log.num.partitions': '1',
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': '500',
  'offsets.topic.num.partitions': '1',
  'group.consumer.session.timeout.ms': '1000',
  'group.consumer.heartbeat.interval.ms': '200',
};

export function planOf(scenario: Scenario, seed: number): Plan {
  const random = seededRandom(`scenario ${scenario.id} ${seed}`);
  const choice = new Choice(random.stream('plan'));
  const isSynced = scenario.topics.every(({ configs }) => configs['durability'] !== 'replicated');
  const endings: readonly Ending[] = isSynced ? ['graceful', 'power-cut', 'lost'] : ['graceful'];
  return {
    seed,
    config: {
      nodes: scenario.nodes,
      safetyMs: 0,
      link: choice.of([
        { minMs: 0.05, maxMs: 0.3 },
        { minMs: 0.1, maxMs: 5 },
        { minMs: 2, maxMs: 10 },
      ]),
      disk: choice.of([
        { minMs: 0.02, maxMs: 0.1 },
        { minMs: 0.05, maxMs: 2 },
        { minMs: 1, maxMs: 8 },
      ]),
      nodeSettings: { ...usualSettings, ...scenario.settings },
      topics: scenario.topics.map(({ isRecreated, ...topic }) => ({
        ...topic,
        role: isRecreated ? 'churned' : 'steady',
      })),
      producers: [drawProducer(choice), drawProducer(choice)],
      consumers: [
        {
          maxWaitMs: 50,
          minBytes: 1,
          fetchMaxBytes: 65_536,
          partitionFetchMaxBytes: 65_536,
          prefetchBytes: 65_536,
          requestTimeoutMs: 1000,
          isolation: choice.of(['read-committed', 'read-uncommitted']),
        },
      ],
      groups: scenario.groups.map((group) => drawGroup(scenario, group, choice)),
      ...transactionsOf(scenario, choice),
      auditMs: 250,
      ending: choice.of(endings),
    },
    operations: [],
    faults: [],
  };
}

function drawProducer(choice: Choice): ProducerPlan {
  return {
    acks: 'all',
    idempotent: true,
    lingerMs: choice.of([0, 2]),
    batchBytes: choice.of([256, 16_384]),
    bufferMemoryBytes: 1_048_576,
    compression: 'none',
    maxInFlightRequests: choice.between(1, 5),
    requestTimeoutMs: choice.of([500, 1000]),
    deliveryTimeoutMs: 20_000,
  };
}

function drawGroup({ topics }: Scenario, { name, members, isManual }: ScenarioGroup, choice: Choice): GroupPlan {
  return {
    name,
    topics: topics.map((topic) => topic.name),
    pattern: '',
    assignor: 'uniform',
    delivery: 'at-least-once',
    members: Array.from({ length: members }, () => ({
      isStatic: choice.chance(0.3),
      isEarly: true,
      style: isManual ? 'manual' : choice.of(['records', 'batches', 'run', 'manual'] as const),
      workMs: choice.of([0, 1, 20]),
      autoCommitIntervalMs: choice.of([20, 100]),
      maxPollIntervalMs: 5000,
      requestTimeoutMs: 1000,
    })),
  };
}

function transactionsOf(
  { transactors, copiers, nodes }: Scenario,
  choice: Choice,
): { readonly transactions?: TransactionsPlan } {
  if (transactors === undefined) return {};
  return {
    transactions: {
      partitions: transactors.partitions,
      replicationFactor: Math.min(3, nodes),
      transactors: Array.from({ length: transactors.count }, (_, index) => ({
        transactionalId: `own-${index}`,
        transactionTimeoutMs: 10_000,
        requestTimeoutMs: choice.of([300, 500]),
        lingerMs: choice.of([0, 2]),
        batchBytes: 16_384,
        maxInFlightRequests: choice.between(1, 5),
        isReading: choice.chance(0.5),
      })),
      copiers: Array.from({ length: copiers }, () => ({
        isStatic: false,
        transactionTimeoutMs: 10_000,
        requestTimeoutMs: 500,
        maxPollIntervalMs: 5000,
        workMs: choice.of([0, 1, 20]),
      })),
    },
  };
}
