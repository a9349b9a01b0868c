export { assert, unreachable } from './assert.js';
export { errorCode, errorMessage, MillraceError, type MillraceErrorOptions } from './errors.js';
export {
  leaderEpoch,
  nodeId,
  offset,
  partitionIndex,
  topicId,
  topicIdFromBytes,
  type LeaderEpoch,
  type NodeId,
  type Offset,
  type PartitionIndex,
  type TopicId,
} from './ids.js';
export type { Clock, Timer } from './environment/clock.js';
export type { Environment } from './environment/environment.js';
export type { File, FileLock, FileStat, FileSystem, OpenMode } from './environment/file-system.js';
export { silentLogger, type LogFields, type Logger } from './environment/logger.js';
export {
  noMetrics,
  type Counter,
  type Gauge,
  type Histogram,
  type Labels,
  type MetricDefinition,
  type Metrics,
} from './environment/metrics.js';
export {
  formatAddress,
  parseAddress,
  type Address,
  type Listener,
  type Network,
  type Socket,
  type SocketHandler,
} from './environment/network.js';
export type { Random, RandomStream } from './environment/random.js';
