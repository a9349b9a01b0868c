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
export { backoffMs, type Backoff } from './backoff.js';
export { BoundedQueue, type BoundedQueueLimits } from './bounded-queue.js';
export { completion, type Completion } from './completion.js';
export { offAbort, onAbort } from './on-abort.js';
export { sleep } from './sleep.js';
export { settingKeyFromEnvironmentName, settingToEnvironmentName } from './settings/environment-names.js';
export { describeAllowed, formatSetting, parseSetting, parseSettings } from './settings/parse-settings.js';
export {
  defineSettings,
  type BooleanDefinition,
  type EnumDefinition,
  type ListDefinition,
  type NumericDefinition,
  type Setting,
  type SettingDefinition,
  type SettingTable,
  type SettingValue,
  type SettingValues,
  type StringDefinition,
} from './settings/setting.js';
export { describeSettings, settingsMarkdown, type SettingDescription } from './settings/settings-reference.js';
