/** The dispatch table: every API that the broker serves. What is not listed here is refused. */
import type { BrokerServices } from '../broker-services.js';
import type { AnyHandler } from '../request.js';
import { produceHandler } from './00-produce.js';
import { fetchHandler } from './01-fetch.js';
import { listOffsetsHandler } from './02-list-offsets.js';
import { metadataHandler } from './03-metadata.js';
import { offsetCommitHandler } from './08-offset-commit.js';
import { offsetFetchHandler } from './09-offset-fetch.js';
import { findCoordinatorHandler } from './10-find-coordinator.js';
import { listGroupsHandler } from './16-list-groups.js';
import { createTopicsHandler } from './19-create-topics.js';
import { deleteTopicsHandler } from './20-delete-topics.js';
import { deleteRecordsHandler } from './21-delete-records.js';
import { initProducerIdHandler } from './22-init-producer-id.js';
import { offsetForLeaderEpochHandler } from './23-offset-for-leader-epoch.js';
import { addPartitionsToTxnHandler } from './24-add-partitions-to-txn.js';
import { endTxnHandler } from './26-end-txn.js';
import { writeTxnMarkersHandler } from './27-write-txn-markers.js';
import { txnOffsetCommitHandler } from './28-txn-offset-commit.js';
import { describeConfigsHandler } from './32-describe-configs.js';
import { describeLogDirsHandler } from './35-describe-log-dirs.js';
import { createPartitionsHandler } from './37-create-partitions.js';
import { deleteGroupsHandler } from './42-delete-groups.js';
import { electLeadersHandler } from './43-elect-leaders.js';
import { incrementalAlterConfigsHandler } from './44-incremental-alter-configs.js';
import { alterPartitionReassignmentsHandler } from './45-alter-partition-reassignments.js';
import { listPartitionReassignmentsHandler } from './46-list-partition-reassignments.js';
import { offsetDeleteHandler } from './47-offset-delete.js';
import { describeQuorumHandler } from './55-describe-quorum.js';
import { describeClusterHandler } from './60-describe-cluster.js';
import { describeProducersHandler } from './61-describe-producers.js';
import { unregisterBrokerHandler } from './64-unregister-broker.js';
import { describeTransactionsHandler } from './65-describe-transactions.js';
import { listTransactionsHandler } from './66-list-transactions.js';
import { consumerGroupHeartbeatHandler } from './68-consumer-group-heartbeat.js';
import { consumerGroupDescribeHandler } from './69-consumer-group-describe.js';
import { describeTopicPartitionsHandler } from './75-describe-topic-partitions.js';
import { addRaftVoterHandler } from './80-add-raft-voter.js';
import { removeRaftVoterHandler } from './81-remove-raft-voter.js';
import { replicaFetchHandler } from './1001-replica-fetch.js';
import { pingHandler } from './1002-ping.js';

export function dispatchTable(services: BrokerServices): readonly AnyHandler[] {
  return [
    produceHandler(services),
    fetchHandler(services),
    listOffsetsHandler(services),
    metadataHandler(services),
    createTopicsHandler(services),
    deleteTopicsHandler(services),
    deleteRecordsHandler(services),
    initProducerIdHandler(services),
    describeConfigsHandler(services),
    describeLogDirsHandler(services),
    createPartitionsHandler(services),
    incrementalAlterConfigsHandler(services),
    describeQuorumHandler(services),
    describeClusterHandler(services),
    unregisterBrokerHandler(services),
    addRaftVoterHandler(services),
    removeRaftVoterHandler(services),
    describeTopicPartitionsHandler(services),
    offsetForLeaderEpochHandler(services),
    electLeadersHandler(services),
    alterPartitionReassignmentsHandler(services),
    listPartitionReassignmentsHandler(services),
    replicaFetchHandler(services),
    offsetCommitHandler(services),
    offsetFetchHandler(services),
    txnOffsetCommitHandler(services),
    findCoordinatorHandler(services),
    listGroupsHandler(services),
    deleteGroupsHandler(services),
    offsetDeleteHandler(services),
    consumerGroupHeartbeatHandler(services),
    consumerGroupDescribeHandler(services),
    addPartitionsToTxnHandler(services),
    endTxnHandler(services),
    writeTxnMarkersHandler(services),
    describeProducersHandler(services),
    describeTransactionsHandler(services),
    listTransactionsHandler(services),
    pingHandler(),
  ];
}
