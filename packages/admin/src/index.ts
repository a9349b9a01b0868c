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
  AssignedTopic,
  GroupDescription,
  GroupMemberDescription,
  GroupOffset,
  GroupRebalance,
  GroupStateName,
  GroupSummary,
  OffsetReset,
  ResetPosition,
} from './group-description.js';
export type {
  ElectedLeader,
  ElectionType,
  OngoingReassignment,
  Reassignment,
  ReassignmentResult,
  TopicPartition,
} from './replica-moves.js';
export type {
  PartitionProducer,
  TransactionDescription,
  TransactionFilter,
  TransactionSummary,
} from './transaction-admin.js';
export type {
  ClusterDescription,
  ConfigValue,
  Configs,
  CreatedTopic,
  NodeDescription,
  PartitionDescription,
  QuorumDescription,
  QuorumReplica,
  ReplicaDescription,
  TopicDescription,
  TopicSummary,
  Voter,
} from './topic-description.js';
