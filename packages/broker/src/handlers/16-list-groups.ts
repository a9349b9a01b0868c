/** ListGroups: the groups whose coordinator this node is. */
import { listGroupsApi } from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import { type AnyHandler, handlerOf } from '../request.js';

export function listGroupsHandler({ groups }: BrokerServices): AnyHandler {
  return handlerOf(listGroupsApi, async (request) => ({ body: await groups.list(request) }));
}
