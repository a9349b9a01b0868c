/** DescribeCluster: the cluster and its nodes, as the controller knows them. */
import { describeClusterApi } from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import { type AnyHandler, handlerOf } from '../request.js';

export function describeClusterHandler({ controller }: BrokerServices): AnyHandler {
  return handlerOf(describeClusterApi, async () => ({ body: await controller.describeCluster() }));
}
