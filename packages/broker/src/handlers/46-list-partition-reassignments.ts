/** ListPartitionReassignments: the moves under way, as the controller knows them. */
import { listPartitionReassignmentsApi } from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import { type AnyHandler, handlerOf } from '../request.js';

export function listPartitionReassignmentsHandler({ controller }: BrokerServices): AnyHandler {
  return handlerOf(listPartitionReassignmentsApi, async (request) => ({
    body: await controller.listPartitionReassignments(request),
  }));
}
