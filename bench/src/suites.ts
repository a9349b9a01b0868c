/** Every suite that `npm run bench` knows, in the order in which they run and stand in the report: one line each. */
import type { Suite } from './suite.js';
import { failover } from './suites/failover.js';
import { latency } from './suites/latency.js';
import { manyPartitions } from './suites/many-partitions.js';
import { recovery } from './suites/recovery.js';
import { replication } from './suites/replication.js';
import { startUp } from './suites/start-up.js';
import { throughput } from './suites/throughput.js';

export const suites: readonly Suite[] = [throughput, latency, replication, startUp, recovery, failover, manyPartitions];
