export type { AnyApi, Api, ApiListener, ApiVersion, Message, RequestOf, ResponseOf } from './api.js';
export { isServedOn } from './api.js';
export { apis } from './apis.js';
export { produceApi, type ProduceRequest, type ProduceResponse } from './apis/00-produce.js';
export { fetchApi, type FetchRequest, type FetchResponse } from './apis/01-fetch.js';
export {
  earliestTimestamp,
  latestTimestamp,
  listOffsetsApi,
  maxTimestamp,
  type ListOffsetsRequest,
  type ListOffsetsResponse,
} from './apis/02-list-offsets.js';
export { metadataApi, type MetadataRequest, type MetadataResponse } from './apis/03-metadata.js';
export { offsetCommitApi, type OffsetCommitRequest, type OffsetCommitResponse } from './apis/08-offset-commit.js';
export { offsetFetchApi, type OffsetFetchRequest, type OffsetFetchResponse } from './apis/09-offset-fetch.js';
export {
  findCoordinatorApi,
  type FindCoordinatorRequest,
  type FindCoordinatorResponse,
} from './apis/10-find-coordinator.js';
export { listGroupsApi, type ListGroupsRequest, type ListGroupsResponse } from './apis/16-list-groups.js';
export { helloApi, type HelloRequest, type HelloResponse, type NodeCredentials } from './apis/18-hello.js';
export { createTopicsApi, type CreateTopicsRequest, type CreateTopicsResponse } from './apis/19-create-topics.js';
export { deleteTopicsApi, type DeleteTopicsRequest, type DeleteTopicsResponse } from './apis/20-delete-topics.js';
export { deleteRecordsApi, type DeleteRecordsRequest, type DeleteRecordsResponse } from './apis/21-delete-records.js';
export {
  initProducerIdApi,
  type InitProducerIdRequest,
  type InitProducerIdResponse,
} from './apis/22-init-producer-id.js';
export {
  offsetForLeaderEpochApi,
  type OffsetForLeaderEpochRequest,
  type OffsetForLeaderEpochResponse,
} from './apis/23-offset-for-leader-epoch.js';
export {
  addPartitionsToTxnApi,
  type AddPartitionsToTxnRequest,
  type AddPartitionsToTxnResponse,
} from './apis/24-add-partitions-to-txn.js';
export { endTxnApi, type EndTxnRequest, type EndTxnResponse } from './apis/26-end-txn.js';
export {
  writeTxnMarkersApi,
  type WriteTxnMarkersRequest,
  type WriteTxnMarkersResponse,
} from './apis/27-write-txn-markers.js';
export {
  txnOffsetCommitApi,
  type TxnOffsetCommitRequest,
  type TxnOffsetCommitResponse,
} from './apis/28-txn-offset-commit.js';
export {
  describeConfigsApi,
  type DescribeConfigsRequest,
  type DescribeConfigsResponse,
} from './apis/32-describe-configs.js';
export {
  describeLogDirsApi,
  type DescribeLogDirsRequest,
  type DescribeLogDirsResponse,
} from './apis/35-describe-log-dirs.js';
export {
  createPartitionsApi,
  type CreatePartitionsRequest,
  type CreatePartitionsResponse,
} from './apis/37-create-partitions.js';
export { deleteGroupsApi, type DeleteGroupsRequest, type DeleteGroupsResponse } from './apis/42-delete-groups.js';
export { electLeadersApi, type ElectLeadersRequest, type ElectLeadersResponse } from './apis/43-elect-leaders.js';
export {
  incrementalAlterConfigsApi,
  type IncrementalAlterConfigsRequest,
  type IncrementalAlterConfigsResponse,
} from './apis/44-incremental-alter-configs.js';
export {
  alterPartitionReassignmentsApi,
  type AlterPartitionReassignmentsRequest,
  type AlterPartitionReassignmentsResponse,
} from './apis/45-alter-partition-reassignments.js';
export {
  listPartitionReassignmentsApi,
  type ListPartitionReassignmentsRequest,
  type ListPartitionReassignmentsResponse,
} from './apis/46-list-partition-reassignments.js';
export { offsetDeleteApi, type OffsetDeleteRequest, type OffsetDeleteResponse } from './apis/47-offset-delete.js';
export {
  describeQuorumApi,
  type DescribeQuorumRequest,
  type DescribeQuorumResponse,
} from './apis/55-describe-quorum.js';
export {
  unregisterBrokerApi,
  type UnregisterBrokerRequest,
  type UnregisterBrokerResponse,
} from './apis/64-unregister-broker.js';
export { addRaftVoterApi, type AddRaftVoterRequest, type AddRaftVoterResponse } from './apis/80-add-raft-voter.js';
export {
  removeRaftVoterApi,
  type RemoveRaftVoterRequest,
  type RemoveRaftVoterResponse,
} from './apis/81-remove-raft-voter.js';
export {
  alterPartitionApi,
  type AlterPartitionRequest,
  type AlterPartitionResponse,
} from './apis/56-alter-partition.js';
export {
  describeClusterApi,
  type DescribeClusterRequest,
  type DescribeClusterResponse,
} from './apis/60-describe-cluster.js';
export {
  describeProducersApi,
  type DescribeProducersRequest,
  type DescribeProducersResponse,
} from './apis/61-describe-producers.js';
export {
  registerBrokerApi,
  type RegisterBrokerRequest,
  type RegisterBrokerResponse,
} from './apis/62-register-broker.js';
export {
  brokerHeartbeatApi,
  type BrokerHeartbeatRequest,
  type BrokerHeartbeatResponse,
} from './apis/63-broker-heartbeat.js';
export {
  describeTransactionsApi,
  type DescribeTransactionsRequest,
  type DescribeTransactionsResponse,
} from './apis/65-describe-transactions.js';
export {
  listTransactionsApi,
  type ListTransactionsRequest,
  type ListTransactionsResponse,
} from './apis/66-list-transactions.js';
export {
  allocateProducerIdsApi,
  type AllocateProducerIdsRequest,
  type AllocateProducerIdsResponse,
} from './apis/67-allocate-producer-ids.js';
export {
  joinGroupEpoch,
  leaveGroupEpoch,
  leaveGroupStaticEpoch,
  consumerGroupHeartbeatApi,
  type ConsumerGroupHeartbeatRequest,
  type ConsumerGroupHeartbeatResponse,
} from './apis/68-consumer-group-heartbeat.js';
export {
  consumerGroupDescribeApi,
  type ConsumerGroupDescribeRequest,
  type ConsumerGroupDescribeResponse,
} from './apis/69-consumer-group-describe.js';
export {
  describeTopicPartitionsApi,
  type DescribeTopicPartitionsRequest,
  type DescribeTopicPartitionsResponse,
} from './apis/75-describe-topic-partitions.js';
export { replicaFetchApi, type ReplicaFetchRequest, type ReplicaFetchResponse } from './apis/1001-replica-fetch.js';
export { pingApi, type PingRequest, type PingResponse } from './apis/1002-ping.js';
export { raftMessageApi, type RaftMessageRequest } from './apis/1100-raft-message.js';
export type { Isolation } from './apis/isolation.js';
export {
  decodeError,
  decodeRequest,
  decodeResponse,
  encodeError,
  encodeRequest,
  encodeResponse,
  maxRequestBodyBytes,
  splitPayload,
} from './codec.js';
export { errorByName, errorByNumber, errorTable, type ErrorDefinition } from './error-table.js';
export {
  defaultMaxFrameBytes,
  encodeFrame,
  errorFlag,
  framePrefixBytes,
  maxFrameBytesBeforeHello,
  responseFlag,
  type FrameHeader,
} from './frame.js';
export { FrameMemory } from './frame-memory.js';
export { FrameReader, type Frame, type FrameReaderOptions } from './frame-reader.js';
export {
  decodeGroupRecord,
  encodeGroupRecord,
  rebalanceTriggers,
  type GroupRecord,
  type GroupRecordValue,
  type RebalanceTrigger,
} from './group-record.js';
export {
  decodeTransactionRecord,
  encodeTransactionRecord,
  type TransactionRecord,
  type TransactionRecordValue,
} from './transaction-record.js';
export { type TransactionStateName, transactionStates } from './apis/transaction-fields.js';
export { guardMessagePack, type GuardLimits } from './message-pack-guard.js';
export { errorFromWire, errorNumber, noError, protocolError, wireError, type WireError } from './protocol-error.js';
export {
  packRaftMessage,
  unpackRaftMessage,
  type RaftEntryParts,
  type RaftMessageParts,
} from './raft-message-parts.js';
export { SlabPool } from './slab-pool.js';
export { topicNameProblem } from './topic-name.js';
export { negotiateVersion, servedVersions, type VersionRange } from './version-negotiation.js';
