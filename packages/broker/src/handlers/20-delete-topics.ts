/** DeleteTopics: the controller decides; answered when this node’s logs cannot come back. */
import { deleteTopicsApi } from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import { type AnyHandler, handlerOf } from '../request.js';

export function deleteTopicsHandler({ controller, partitions }: BrokerServices): AnyHandler {
  return handlerOf(deleteTopicsApi, async (request) => {
    const body = await controller.deleteTopics(request);
    await partitions.settled();
    return { body };
  });
}
