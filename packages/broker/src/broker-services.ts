import type { Clock, Logger } from '@millrace/base';
import type { BrokerMetrics } from './broker-metrics.js';
import type { BrokerSettings } from './broker-settings.js';
import type { ControllerGateway } from './controller-gateway.js';
import type { GroupCoordinator } from './coordinator/group/group-coordinator.js';
import type { Transactions } from './coordinator/transaction/transactions.js';
import type { CatchUpGate } from './replication/catch-up-gate.js';
import type { CatchUpThrottle } from './replication/catch-up-throttle.js';
import type { Partitions } from './partitions.js';
import type { ProducerIds } from './producer-ids.js';
import type { DeadlineQueue } from './waiting/deadline-queue.js';

/** What handlers work with. */
export interface BrokerServices {
  readonly nodeId: number;
  readonly clusterId: string;
  readonly softwareVersion: string;
  readonly settings: BrokerSettings;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: BrokerMetrics;
  readonly controller: ControllerGateway;
  readonly partitions: Partitions;
  readonly producerIds: ProducerIds;
  readonly groups: GroupCoordinator;
  readonly transactions: Transactions;
  readonly produceDeadlines: DeadlineQueue;
  readonly fetchDeadlines: DeadlineQueue;
  readonly catchUp: CatchUpGate;
  /** Of what this node sends as a leader. */
  readonly catchUpThrottle: CatchUpThrottle;
  /** Others may lead what this node thinks it leads. */
  readonly mayBeReplaced: () => boolean;
  /** The node is about to stop: what waits is answered with what there is. */
  readonly isStopping: () => boolean;
}
