/** The plan of a scenario under a seed: the cluster that its text asks for, and all else drawn. */
import { seededRandom } from '@millrace/testkit';
import { Choice } from '../simulation/plan/choice.js';
import type { Ending, Plan, ProducerPlan } from '../simulation/plan/plan.js';
import type { Scenario } from './scenario.js';

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
