/**
 * What the controller of this node serves to the other nodes on the internal listener. Each goes to the controller of this
 * very process, and is refused with NOT_CONTROLLER unless that leads: nothing is forwarded twice.
 */
import { type AnyHandler, handlerOf, type RequestContext } from '@millrace/broker';
import type { Controller } from '@millrace/controller';
import {
  addRaftVoterApi,
  allocateProducerIdsApi,
  alterPartitionApi,
  alterPartitionReassignmentsApi,
  brokerHeartbeatApi,
  createPartitionsApi,
  createTopicsApi,
  deleteTopicsApi,
  describeClusterApi,
  describeConfigsApi,
  describeQuorumApi,
  electLeadersApi,
  incrementalAlterConfigsApi,
  listPartitionReassignmentsApi,
  noError,
  protocolError,
  raftMessageApi,
  registerBrokerApi,
  removeRaftVoterApi,
  unregisterBrokerApi,
  wireError,
} from '@millrace/protocol';
import type { NetworkRaftTransport } from './network-raft-transport.js';

export function quorumHandlers(controller: () => Controller, transport: NetworkRaftTransport): readonly AnyHandler[] {
  return [
    handlerOf(raftMessageApi, (request, { connection, payload }) => {
      transport.receive(connection.node?.nodeId ?? -1, request, payload);
      return undefined;
    }),
    handlerOf(registerBrokerApi, async (request, context) => {
      requireSender(context, request.nodeId);
      try {
        return { body: { ...noError, ...(await controller().registerBroker(request, 'remote')) } };
      } catch (error) {
        return { body: { ...wireError(error), brokerEpoch: -1 } };
      }
    }),
    handlerOf(brokerHeartbeatApi, async (request, context) => {
      requireSender(context, request.nodeId);
      try {
        return { body: { ...noError, ...(await controller().heartbeat(request)) } };
      } catch (error) {
        const body = { ...wireError(error), isCaughtUp: false, isFenced: true, shouldShutdown: false };
        return { body };
      }
    }),
    handlerOf(allocateProducerIdsApi, async (request, context) => {
      requireSender(context, request.nodeId);
      try {
        return { body: { ...noError, ...(await controller().allocateProducerIds(request)) } };
      } catch (error) {
        return { body: { ...wireError(error), first: -1, count: 0 } };
      }
    }),
    handlerOf(alterPartitionApi, async (request, context) => {
      requireSender(context, request.brokerId);
      return { body: await controller().alterPartition(request) };
    }),
    handlerOf(createTopicsApi, async (request) => ({ body: await controller().createTopics(request) })),
    handlerOf(deleteTopicsApi, async (request) => ({ body: await controller().deleteTopics(request) })),
    handlerOf(createPartitionsApi, async (request) => ({ body: await controller().createPartitions(request) })),
    handlerOf(incrementalAlterConfigsApi, async (request) => ({ body: await controller().alterConfigs(request) })),
    handlerOf(describeConfigsApi, async (request) => ({ body: await controller().describeConfigs(request) })),
    handlerOf(describeClusterApi, async () => ({ body: await controller().describeCluster() })),
    handlerOf(describeQuorumApi, async () => ({ body: await controller().describeQuorum() })),
    handlerOf(addRaftVoterApi, async (request) => ({ body: await controller().addVoter(request) })),
    handlerOf(removeRaftVoterApi, async (request) => ({ body: await controller().removeVoter(request) })),
    handlerOf(unregisterBrokerApi, async (request) => ({ body: await controller().unregisterBroker(request) })),
    handlerOf(electLeadersApi, async (request) => ({ body: await controller().electLeaders(request) })),
    handlerOf(alterPartitionReassignmentsApi, async (request) => ({
      body: await controller().alterPartitionReassignments(request),
    })),
    handlerOf(listPartitionReassignmentsApi, async (request) => ({
      body: await controller().listPartitionReassignments(request),
    })),
  ];
}

/** Nodes speak for themselves alone. */
function requireSender({ connection }: RequestContext, nodeId: number): void {
  if (connection.node?.nodeId === nodeId) return;
  throw protocolError(
    'CLUSTER_AUTHORIZATION_FAILED',
    `Node ${connection.node?.nodeId ?? 'unknown'} asked in the name of node ${nodeId}.`,
  );
}
