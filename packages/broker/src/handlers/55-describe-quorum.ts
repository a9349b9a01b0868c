/** DescribeQuorum: the controller quorum, as its leader sees it. */
import { describeQuorumApi } from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import { type AnyHandler, handlerOf } from '../request.js';

export function describeQuorumHandler({ controller }: BrokerServices): AnyHandler {
  return handlerOf(describeQuorumApi, async () => ({ body: await controller.describeQuorum() }));
}
