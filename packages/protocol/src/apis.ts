import type { AnyApi } from './api.js';
import { produceApi } from './apis/00-produce.js';
import { fetchApi } from './apis/01-fetch.js';
import { listOffsetsApi } from './apis/02-list-offsets.js';
import { metadataApi } from './apis/03-metadata.js';
import { offsetCommitApi } from './apis/08-offset-commit.js';
import { offsetFetchApi } from './apis/09-offset-fetch.js';
import { findCoordinatorApi } from './apis/10-find-coordinator.js';
import { listGroupsApi } from './apis/16-list-groups.js';
import { helloApi } from './apis/18-hello.js';
import { createTopicsApi } from './apis/19-create-topics.js';
import { deleteTopicsApi } from './apis/20-delete-topics.js';
import { deleteRecordsApi } from './apis/21-delete-records.js';
import { initProducerIdApi } from './apis/22-init-producer-id.js';
import { offsetForLeaderEpochApi } from './apis/23-offset-for-leader-epoch.js';
import { addPartitionsToTxnApi } from './apis/24-add-partitions-to-txn.js';
import { endTxnApi } from './apis/26-end-txn.js';
import { writeTxnMarkersApi } from './apis/27-write-txn-markers.js';
import { txnOffsetCommitApi } from './apis/28-txn-offset-commit.js';
import { describeConfigsApi } from './apis/32-describe-configs.js';
import { describeLogDirsApi } from './apis/35-describe-log-dirs.js';
import { createPartitionsApi } from './apis/37-create-partitions.js';
import { deleteGroupsApi } from './apis/42-delete-groups.js';
import { electLeadersApi } from './apis/43-elect-leaders.js';
import { incrementalAlterConfigsApi } from './apis/44-incremental-alter-configs.js';
import { alterPartitionReassignmentsApi } from './apis/45-alter-partition-reassignments.js';
import { listPartitionReassignmentsApi } from './apis/46-list-partition-reassignments.js';
import { offsetDeleteApi } from './apis/47-offset-delete.js';
import { describeQuorumApi } from './apis/55-describe-quorum.js';
import { alterPartitionApi } from './apis/56-alter-partition.js';
import { describeClusterApi } from './apis/60-describe-cluster.js';
import { describeProducersApi } from './apis/61-describe-producers.js';
import { registerBrokerApi } from './apis/62-register-broker.js';
import { brokerHeartbeatApi } from './apis/63-broker-heartbeat.js';
import { unregisterBrokerApi } from './apis/64-unregister-broker.js';
import { describeTransactionsApi } from './apis/65-describe-transactions.js';
import { listTransactionsApi } from './apis/66-list-transactions.js';
import { allocateProducerIdsApi } from './apis/67-allocate-producer-ids.js';
import { consumerGroupHeartbeatApi } from './apis/68-consumer-group-heartbeat.js';
import { consumerGroupDescribeApi } from './apis/69-consumer-group-describe.js';
import { describeTopicPartitionsApi } from './apis/75-describe-topic-partitions.js';
import { addRaftVoterApi } from './apis/80-add-raft-voter.js';
import { removeRaftVoterApi } from './apis/81-remove-raft-voter.js';
import { replicaFetchApi } from './apis/1001-replica-fetch.js';
import { pingApi } from './apis/1002-ping.js';
import { raftMessageApi } from './apis/1100-raft-message.js';

/** Every API by its key: dispatch, version ranges and documentation are made from this table. */
export const apis: ReadonlyMap<number, AnyApi> = new Map(
  [
    produceApi,
    fetchApi,
    listOffsetsApi,
    metadataApi,
    offsetCommitApi,
    offsetFetchApi,
    findCoordinatorApi,
    listGroupsApi,
    helloApi,
    createTopicsApi,
    deleteTopicsApi,
    deleteRecordsApi,
    initProducerIdApi,
    offsetForLeaderEpochApi,
    addPartitionsToTxnApi,
    endTxnApi,
    writeTxnMarkersApi,
    txnOffsetCommitApi,
    describeConfigsApi,
    describeLogDirsApi,
    createPartitionsApi,
    deleteGroupsApi,
    electLeadersApi,
    incrementalAlterConfigsApi,
    alterPartitionReassignmentsApi,
    listPartitionReassignmentsApi,
    offsetDeleteApi,
    describeQuorumApi,
    alterPartitionApi,
    describeClusterApi,
    describeProducersApi,
    registerBrokerApi,
    brokerHeartbeatApi,
    unregisterBrokerApi,
    describeTransactionsApi,
    listTransactionsApi,
    allocateProducerIdsApi,
    consumerGroupHeartbeatApi,
    consumerGroupDescribeApi,
    describeTopicPartitionsApi,
    addRaftVoterApi,
    removeRaftVoterApi,
    replicaFetchApi,
    pingApi,
    raftMessageApi,
  ].map((api) => [api.key, api]),
);
