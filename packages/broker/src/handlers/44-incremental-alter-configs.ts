/** IncrementalAlterConfigs: the controller decides; answered when this node’s logs go by the new settings. */
import { incrementalAlterConfigsApi } from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import { type AnyHandler, handlerOf } from '../request.js';

export function incrementalAlterConfigsHandler({ controller, partitions }: BrokerServices): AnyHandler {
  return handlerOf(incrementalAlterConfigsApi, async (request) => {
    const body = await controller.alterConfigs(request);
    await partitions.settled();
    return { body };
  });
}
