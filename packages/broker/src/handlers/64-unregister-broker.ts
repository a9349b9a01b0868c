/** UnregisterBroker: the controller forgets a broker that is gone. */
import { unregisterBrokerApi } from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import { type AnyHandler, handlerOf } from '../request.js';

export function unregisterBrokerHandler({ controller }: BrokerServices): AnyHandler {
  return handlerOf(unregisterBrokerApi, async (request) => ({ body: await controller.unregisterBroker(request) }));
}
