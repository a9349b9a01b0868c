/** RemoveRaftVoter: one node less votes on the metadata. */
import { removeRaftVoterApi } from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import { type AnyHandler, handlerOf } from '../request.js';

export function removeRaftVoterHandler({ controller }: BrokerServices): AnyHandler {
  return handlerOf(removeRaftVoterApi, async (request) => ({ body: await controller.removeVoter(request) }));
}
