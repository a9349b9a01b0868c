export { parseBootstrap } from './bootstrap.js';
export type { ClientOptions } from './client-options.js';
export {
  ClusterClient,
  type CallOptions,
  type Leader,
  type Target,
  type TopicOptions,
  type WaitOptions,
} from './cluster-client.js';
export { Connection, type ConnectionOptions, type SendOptions } from './connection.js';
export type { CoordinatorKey } from './coordinator-cache.js';
export { DeadlineQueue, type Expiring } from './deadline-queue.js';
export type { PartitionMetadata, TopicMetadata } from './metadata-cache.js';
export { NodeChannel, type NodeChannelOptions, type NodeReach } from './node-channel.js';
export type { Reply } from './request.js';
export { retryDecision, type RetryDecision } from './retry-decision.js';
export { withRetries, type Attempt, type RetryLimit } from './with-retries.js';
