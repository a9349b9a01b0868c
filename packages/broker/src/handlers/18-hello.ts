/**
 * Hello: opens a connection. A peer that expects another cluster is refused before anything else. What is listed as
 * served is what has a handler, not all that the protocol knows.
 */
import { helloApi, protocolError, servedVersions } from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import { type AnyHandler, handlerOf } from '../request.js';

export function helloHandler(services: BrokerServices, served: ReadonlySet<number>): AnyHandler {
  return handlerOf(helloApi, (request, { connection }) => {
    const { clusterId, nodeId, softwareVersion, settings } = services;
    if (request.clusterId !== null && request.clusterId !== clusterId) {
      throw protocolError(
        'INCONSISTENT_CLUSTER_ID',
        `This node belongs to cluster ${clusterId}, not to the one expected: check the address.`,
      );
    }
    connection.acceptHello();
    return {
      body: {
        clusterId,
        nodeId,
        softwareVersion,
        apis: servedVersions(connection.listener).filter(({ key }) => served.has(key)),
        maxFrameBytes: settings.maxFrameBytes,
        maxBatchBytes: settings.maxBatchBytes,
      },
    };
  });
}
