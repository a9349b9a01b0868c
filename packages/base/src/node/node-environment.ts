import type { Environment } from '../environment/environment.js';
import { silentLogger, type Logger } from '../environment/logger.js';
import { noMetrics, type Metrics } from '../environment/metrics.js';
import { NodeClock } from './node-clock.js';
import { NodeFileSystem } from './node-file-system.js';
import { NodeNetwork } from './node-network.js';
import { NodeRandom } from './node-random.js';

export interface NodeEnvironmentOptions {
  readonly logger?: Logger;
  readonly metrics?: Metrics;
}

/** Real time, files and sockets. Says and measures nothing unless told where to. */
export function nodeEnvironment(options: NodeEnvironmentOptions = {}): Environment {
  return {
    clock: new NodeClock(),
    random: new NodeRandom(),
    files: new NodeFileSystem(),
    network: new NodeNetwork(),
    logger: options.logger ?? silentLogger,
    metrics: options.metrics ?? noMetrics,
  };
}
