export { Admin } from './admin.js';
export type {
  AdminOptions,
  CallOptions,
  ConfigChanges,
  DeletedRecords,
  ListedOffset,
  NewTopic,
  OffsetQuery,
} from './admin-options.js';
export type {
  ClusterDescription,
  ConfigValue,
  Configs,
  CreatedTopic,
  NodeDescription,
  PartitionDescription,
  TopicDescription,
  TopicSummary,
} from './topic-description.js';
