/** AlterPartitionReassignments: the controller decides; the moves themselves go on afterwards. */
import { alterPartitionReassignmentsApi } from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import { type AnyHandler, handlerOf } from '../request.js';

export function alterPartitionReassignmentsHandler({ controller, partitions }: BrokerServices): AnyHandler {
  return handlerOf(alterPartitionReassignmentsApi, async (request) => {
    const body = await controller.alterPartitionReassignments(request);
    await partitions.settled();
    return { body };
  });
}
