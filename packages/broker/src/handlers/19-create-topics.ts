/** CreateTopics: the controller decides; answered when this node has created its logs, so that a produce may follow at once. */
import { createTopicsApi } from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import { type AnyHandler, handlerOf } from '../request.js';

export function createTopicsHandler({ controller, partitions }: BrokerServices): AnyHandler {
  return handlerOf(createTopicsApi, async (request) => {
    const body = await controller.createTopics(request);
    await partitions.settled();
    return { body };
  });
}
