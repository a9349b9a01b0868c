/** Every suite that `npm run bench` knows, in the order in which they run and stand in the report: one line each. */
import type { Suite } from './suite.js';
import { activePartitions } from './suites/curves/active-partitions.js';
import { batchSize } from './suites/curves/batch-size.js';
import { connections } from './suites/curves/connections.js';
import { consumers } from './suites/curves/consumers.js';
import { idlePartitions } from './suites/curves/idle-partitions.js';
import { logSize } from './suites/curves/log-size.js';
import { recordSize } from './suites/curves/record-size.js';
import { replicas } from './suites/curves/replicas.js';
import { slowReaders } from './suites/curves/slow-readers.js';
import { failover } from './suites/failover.js';
import { groupCommits } from './suites/groups/commits.js';
import { exactlyOnceCost } from './suites/groups/exactly-once-cost.js';
import { groupJoin } from './suites/groups/join.js';
import { groupRebalance } from './suites/groups/rebalance.js';
import { groupReload } from './suites/groups/reload.js';
import { latency } from './suites/latency.js';
import { manyPartitions } from './suites/many-partitions.js';
import { micro } from './suites/micro.js';
import { peers } from './suites/peers.js';
import { recovery } from './suites/recovery.js';
import { replication } from './suites/replication.js';
import { startUp } from './suites/start-up.js';
import { throughput } from './suites/throughput.js';

export const suites: readonly Suite[] = [
  throughput,
  latency,
  replication,
  startUp,
  recovery,
  failover,
  manyPartitions,
  groupJoin,
  groupRebalance,
  groupCommits,
  exactlyOnceCost,
  groupReload,
  micro,
  peers,
  recordSize,
  batchSize,
  activePartitions,
  idlePartitions,
  connections,
  consumers,
  slowReaders,
  logSize,
  replicas,
];
