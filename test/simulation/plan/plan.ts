/**
 * A run of the simulator as a value: what the cluster is, what its clients do, what goes wrong, and the seed of all
 * chances. Nothing else decides a run, so a plan can be drawn, printed, replayed and made smaller.
 *
 *     boot -> warm-up -> safety phase (operations and faults) -> heal -> liveness -> drain -> end -> restart -> drain
 *
 * Times of operations and faults count from the beginning of the safety phase.
 */
import type { Compression } from '@millrace/record';
import type { Fault } from './fault.js';
import type { GroupPlan } from './group-plan.js';
import type { Operation } from './operation.js';
import type { TransactionsPlan } from './transactions-plan.js';

export interface Plan {
  readonly seed: number;
  readonly config: PlanConfig;
  readonly operations: readonly Operation[];
  readonly faults: readonly Fault[];
}

export interface PlanConfig {
  readonly nodes: number;
  readonly safetyMs: number;
  readonly link: DelayRange;
  readonly disk: DelayRange;
  /** As in a node's configuration file. */
  readonly nodeSettings: Readonly<Record<string, string>>;
  readonly topics: readonly TopicPlan[];
  readonly producers: readonly ProducerPlan[];
  readonly consumers: readonly ConsumerPlan[];
  /** None where it is not said. */
  readonly groups?: readonly GroupPlan[];
  readonly transactions?: TransactionsPlan;
  /** Whether the worst that a power cut could leave is looked at now and then, while all goes on. */
  readonly auditMs: number;
  readonly ending: Ending;
}

export interface DelayRange {
  readonly minMs: number;
  readonly maxMs: number;
}

/**
 * How all nodes stop before they start once more:
 * - `graceful`: in order;
 * - `power-cut`: unsynced data meets a random fate;
 * - `lost`: unsynced data is gone;
 * - `derived-files-gone`: in order, and then everything that can be made anew from the logs is deleted.
 */
export type Ending = 'graceful' | 'power-cut' | 'lost' | 'derived-files-gone';

/**
 * - `steady`: lives as long as the run, keeps everything;
 * - `trimmed`: records are deleted from its beginning;
 * - `churned`: is deleted and created again under its name, so that its offsets begin anew.
 */
export type TopicRole = 'steady' | 'trimmed' | 'churned';

export interface TopicPlan {
  readonly name: string;
  readonly role: TopicRole;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly configs: Readonly<Record<string, string>>;
}

export interface ProducerPlan {
  readonly acks: 'all' | 1 | 0;
  readonly idempotent: boolean;
  readonly lingerMs: number;
  readonly batchBytes: number;
  readonly bufferMemoryBytes: number;
  readonly compression: Compression;
  readonly maxInFlightRequests: number;
  readonly requestTimeoutMs: number;
  readonly deliveryTimeoutMs: number;
}

export interface ConsumerPlan {
  readonly maxWaitMs: number;
  readonly minBytes: number;
  readonly fetchMaxBytes: number;
  readonly partitionFetchMaxBytes: number;
  readonly prefetchBytes: number;
  readonly requestTimeoutMs: number;
  readonly isolation: 'read-committed' | 'read-uncommitted';
}
