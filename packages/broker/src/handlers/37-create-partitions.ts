/** CreatePartitions: the controller decides; answered when this node has created its logs. */
import { createPartitionsApi } from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import { type AnyHandler, handlerOf } from '../request.js';

export function createPartitionsHandler({ controller, partitions }: BrokerServices): AnyHandler {
  return handlerOf(createPartitionsApi, async (request) => {
    const body = await controller.createPartitions(request);
    await partitions.settled();
    return { body };
  });
}
