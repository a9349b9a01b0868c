/** DescribeConfigs: the settings of topics, as the controller knows them. */
import { describeConfigsApi } from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import { type AnyHandler, handlerOf } from '../request.js';

export function describeConfigsHandler({ controller }: BrokerServices): AnyHandler {
  return handlerOf(describeConfigsApi, async (request) => ({ body: await controller.describeConfigs(request) }));
}
