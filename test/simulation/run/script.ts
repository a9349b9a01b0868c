/** A safety phase that somebody wrote instead of drawing it. */
import type { Simulation } from '@millrace/testkit';
import type { Violation } from '../checks/violation.js';
import type { SimulatedCluster } from '../cluster/simulated-cluster.js';
import type { FaultDriver } from '../faults/fault-driver.js';
import type { Plan } from '../plan/plan.js';
import type { Marks } from '../report/marks.js';
import type { TimeLine } from '../report/time-line.js';
import type { AdministeringClient } from '../workload/administering-client.js';
import type { Copier } from '../workload/copier.js';
import type { ConsumingClient } from '../workload/consuming-client.js';
import type { History } from '../workload/history.js';
import type { MemberClient } from '../workload/member-client.js';
import type { ProducingClient } from '../workload/producing-client.js';
import type { Transactor } from '../workload/transactor.js';

/** All that a script may touch. */
export interface Stage {
  readonly simulation: Simulation;
  readonly plan: Plan;
  readonly cluster: SimulatedCluster;
  readonly faults: FaultDriver;
  readonly producers: readonly ProducingClient[];
  readonly consumers: readonly ConsumingClient[];
  readonly members: readonly MemberClient[];
  readonly transactors: readonly Transactor[];
  readonly copiers: readonly Copier[];
  readonly admin: AdministeringClient;
  readonly history: History;
  readonly marks: Marks;
  readonly timeLine: TimeLine;
  /** Where it puts what it finds wrong. */
  readonly violations: Violation[];
}

/** Moves virtual time on by itself; resolves at the end of the safety phase. */
export type Script = (stage: Stage) => Promise<void>;
