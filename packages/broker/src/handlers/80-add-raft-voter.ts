/** AddRaftVoter: one more node votes on the metadata. */
import { addRaftVoterApi } from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import { type AnyHandler, handlerOf } from '../request.js';

export function addRaftVoterHandler({ controller }: BrokerServices): AnyHandler {
  return handlerOf(addRaftVoterApi, async (request) => ({ body: await controller.addVoter(request) }));
}
