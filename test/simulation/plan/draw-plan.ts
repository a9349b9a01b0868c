/**
 * Draws the plan of a seed. Every seed has a configuration of its own in which features are left out as often as put
 * in: what is missing lets the rest happen more often, and that finds more than everything at once.
 */
import { seededRandom } from '@millrace/testkit';
import { Choice } from './choice.js';
import { aimedAtCopiers, drawCopiers, withCopierOperations } from './draw-copiers.js';
import { drawFaults } from './draw-faults.js';
import { aimedAtCoordinators, drawGroups, withMemberOperations } from './draw-groups.js';
import { drawOperations } from './draw-operations.js';
import { aimedAtTransactions, drawTransactions, withTransactions } from './draw-transactions.js';
import { long, short, type PlanSize } from './plan-size.js';
import type { ConsumerPlan, DelayRange, Ending, Plan, PlanConfig, ProducerPlan, TopicPlan } from './plan.js';

export interface DrawOptions {
  readonly nodesMax: number;
}

export function drawPlan(seed: number, options: DrawOptions): Plan {
  const random = seededRandom(`plan ${seed}`);
  const choice = (name: string): Choice => new Choice(random.stream(name));
  const size = choice('size').chance(0.75) ? short : long;
  const plain = drawConfig(choice, size, options);
  const ofGroups = choice('groups');
  const ofTransactions = choice('transactions');
  const grouped: PlanConfig = { ...plain, ...drawGroups(plain, ofGroups) };
  const transacting: PlanConfig = { ...grouped, ...drawTransactions(grouped, ofTransactions) };
  const ofCopiers = choice('copiers');
  const config: PlanConfig = { ...transacting, ...drawCopiers(transacting, ofCopiers) };
  const operations = drawOperations(config, choice('operations'), size);
  const faults = drawFaults(config, choice('faults'), size);
  const ofClients = withTransactions(config, withMemberOperations(config, operations, ofGroups), ofTransactions);
  const aimed = aimedAtTransactions(config, aimedAtCoordinators(config, faults, ofGroups), ofTransactions);
  return {
    seed,
    config,
    operations: withCopierOperations(config, ofClients, ofCopiers),
    faults: aimedAtCopiers(config, aimed, ofCopiers),
  };
}

/** Most seeds are of the usual size; one node finds bugs of the log fastest, five make odd majorities. */
const clusterSizes = [1, 1, 1, 3, 3, 3, 3, 3, 3, 5] as const;

function drawConfig(choice: (name: string) => Choice, size: PlanSize, { nodesMax }: DrawOptions): PlanConfig {
  const cluster = choice('cluster');
  const nodes = cluster.of(clusterSizes.filter((count) => count <= nodesMax));
  const link = cluster.of<DelayRange>([
    { minMs: 0.05, maxMs: 0.3 },
    { minMs: 0.1, maxMs: 5 },
    { minMs: 10, maxMs: 40 },
  ]);
  return {
    nodes,
    safetyMs: cluster.magnitude(size.safetyMs.from, size.safetyMs.to),
    link,
    disk: cluster.of<DelayRange>([
      { minMs: 0.02, maxMs: 0.1 },
      { minMs: 0.05, maxMs: 2 },
      { minMs: 1, maxMs: 20 },
    ]),
    nodeSettings: {
      ...drawNodeSettings(choice('node settings')),
      ...(nodes > 1 ? drawClusterSettings(choice('cluster settings'), link) : {}),
    },
    topics: drawTopics(choice('topics'), nodes),
    producers: drawMany(choice('producers'), 3, drawProducer),
    consumers: drawMany(choice('consumers'), 2, (each) => drawConsumer(each, link)),
    auditMs: cluster.of([0, 100, 300, 1000]),
    ending: cluster.of<Ending>(['graceful', 'power-cut', 'lost', 'derived-files-gone']),
  };
}

/** Settings that make rare things common; each is at its default in half of the runs. */
function drawNodeSettings(choice: Choice): Record<string, string> {
  const candidates: Record<string, readonly number[]> = {
    'segment.bytes': [300, 1000, 4096, 16_384, 65_536],
    'index.interval.bytes': [0, 64, 512],
    'segment.ms': [50, 1000],
    'log.housekeeping.interval.ms': [20, 100, 1000],
    'log.max.open.files': [16, 20, 64],
    'connection.max.requests': [1, 2, 8],
    'connections.max.idle.ms': [1000, 3000, 10_000],
    'connection.handshake.timeout.ms': [200, 1000],
    'request.max.wait.ms': [100, 1000],
    'fetch.max.bytes': [1024, 16_384],
    'max.message.bytes': [2048, 16_384],
  };
  const settings: Record<string, string> = {
    // Time jumps by days in some runs: what is old must not be deleted or forgotten for that.
    'retention.ms': '-1',
    'producer.id.expiration.ms': String(100 * 86_400_000),
    'log.low.space.bytes': String(choice.of([0, 4096, 65_536])),
  };
  for (const [key, values] of Object.entries(candidates)) {
    if (choice.chance(0.5)) settings[key] = String(choice.of(values));
  }
  return settings;
}

/** Times near each other, and short enough for nodes to be missed and leaders to change many times in a run. */
function drawClusterSettings(choice: Choice, link: DelayRange): Record<string, string> {
  const electionMs = choice.of(link.maxMs < 20 ? [150, 300, 1000] : [500, 1000]);
  const sessionMs = choice.of([400, 600, 1000, 1000, 4000]);
  const settings: Record<string, number> = {
    'controller.quorum.election.timeout.ms': electionMs,
    'controller.quorum.heartbeat.interval.ms': Math.floor(electionMs / choice.of([3, 3, 5])),
    'broker.session.timeout.ms': sessionMs,
    'broker.heartbeat.interval.ms': Math.min(Math.floor(sessionMs / 5), 500),
    'replica.lag.time.max.ms': choice.of([300, 1000, 1000, 30_000]),
    'controlled.shutdown.timeout.ms': choice.of([0, 300, 10_000]),
  };
  if (choice.chance(0.5)) settings['replica.fetch.wait.max.ms'] = choice.of([30, 100, 200]);
  if (choice.chance(0.3)) settings['replica.fetch.max.bytes'] = choice.of([1024, 4096]);
  if (choice.chance(0.3)) settings['replica.fetch.response.max.bytes'] = choice.of([1024, 4096]);
  if (choice.chance(0.3)) settings['leader.imbalance.check.interval.seconds'] = choice.of([1, 3]);
  return Object.fromEntries(Object.entries(settings).map(([key, value]) => [key, String(value)]));
}

function drawTopics(choice: Choice, nodes: number): TopicPlan[] {
  const topics: TopicPlan[] = [];
  for (const role of ['steady', ...choice.some(['steady', 'trimmed', 'churned'] as const, 0.4)] as const) {
    const configs: Record<string, string> = {};
    if (choice.chance(0.15)) configs['durability'] = 'replicated';
    if (choice.chance(0.2)) configs['message.timestamp.type'] = 'LogAppendTime';
    const replicationFactor = choice.of([1, 2, 3, 3, 3, 5].filter((count) => count <= nodes));
    if (choice.chance(0.2)) configs['min.insync.replicas'] = String(choice.between(1, replicationFactor));
    topics.push({
      name: `${role}-${topics.length}`,
      role,
      partitions: choice.of([1, 1, 2, 4]),
      replicationFactor,
      configs,
    });
  }
  return topics;
}

function drawMany<Item>(choice: Choice, atMost: number, draw: (choice: Choice) => Item): Item[] {
  return Array.from({ length: choice.between(1, atMost) }, () => draw(choice));
}

function drawProducer(choice: Choice): ProducerPlan {
  const acks = choice.of(['all', 'all', 'all', 'all', 1, 0] as const);
  const idempotent = acks === 'all' && choice.chance(0.85);
  const requestTimeoutMs = choice.of([300, 1000, 3000]);
  return {
    acks,
    idempotent,
    lingerMs: choice.of([0, 0, 1, 20]),
    batchBytes: choice.of([256, 1024, 16_384]),
    bufferMemoryBytes: choice.of([4096, 65_536, 1_048_576]),
    compression: choice.of(['none', 'none', 'gzip', 'snappy', 'lz4', 'zstd'] as const),
    maxInFlightRequests: choice.between(1, 5),
    requestTimeoutMs,
    deliveryTimeoutMs: requestTimeoutMs * choice.of([1, 3, 10]),
  };
}

function drawConsumer(choice: Choice, link: DelayRange): ConsumerPlan {
  // One that asks again at once is thousands of equal events where the network is fast.
  const isPolling = link.minMs >= 1 && choice.chance(0.3);
  return {
    maxWaitMs: isPolling ? 0 : choice.of([30, 100, 500]),
    minBytes: isPolling ? 0 : choice.of([1, 1, 1000]),
    fetchMaxBytes: choice.of([1, 1024, 1_048_576]),
    partitionFetchMaxBytes: choice.of([1, 1024, 1_048_576]),
    prefetchBytes: choice.of([1024, 1_048_576]),
    requestTimeoutMs: choice.of([1000, 3000]),
    isolation: choice.of(['read-committed', 'read-uncommitted'] as const),
  };
}
