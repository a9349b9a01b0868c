/** ConsumerGroupDescribe: members, assignments and the timeline of groups that this node coordinates. */
import { consumerGroupDescribeApi, type ConsumerGroupDescribeResponse } from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import { type AnyHandler, handlerOf } from '../request.js';
import { entryError } from './entry-error.js';

type Description = ConsumerGroupDescribeResponse['groups'][number];

export function consumerGroupDescribeHandler(services: BrokerServices): AnyHandler {
  return handlerOf(consumerGroupDescribeApi, async (request) => ({
    body: { groups: await Promise.all(request.groups.map((group) => describe(services, group))) },
  }));
}

async function describe(services: BrokerServices, group: string): Promise<Description> {
  const { groups, controller } = services;
  try {
    return await groups.submit({ kind: 'describe-group', group, image: controller.image });
  } catch (error) {
    return {
      group,
      ...entryError(services, consumerGroupDescribeApi, error),
      state: 'dead',
      epoch: 0,
      assignmentEpoch: 0,
      assignor: '',
      members: [],
      rebalances: [],
    };
  }
}
