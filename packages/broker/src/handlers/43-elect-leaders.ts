/** ElectLeaders: the controller decides. */
import { electLeadersApi } from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import { type AnyHandler, handlerOf } from '../request.js';

export function electLeadersHandler({ controller, partitions }: BrokerServices): AnyHandler {
  return handlerOf(electLeadersApi, async (request) => {
    const body = await controller.electLeaders(request);
    await partitions.settled();
    return { body };
  });
}
