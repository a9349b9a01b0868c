import type { Clock } from './clock.js';
import type { FileSystem } from './file-system.js';
import type { Logger } from './logger.js';
import type { Metrics } from './metrics.js';
import type { Network } from './network.js';
import type { Random } from './random.js';

/**
 * All that a node or a client can reach outside itself. Production gives it real time, files and sockets
 * (`@millrace/base/node`); the simulator gives it virtual ones, so that one seed decides the whole run.
 */
export interface Environment {
  readonly clock: Clock;
  readonly random: Random;
  readonly files: FileSystem;
  readonly network: Network;
  readonly logger: Logger;
  readonly metrics: Metrics;
}
