/** ConsumerGroupHeartbeat: may be held until there is something new for the member. */
import { consumerGroupHeartbeatApi } from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import { type AnyHandler, handlerOf } from '../request.js';

export function consumerGroupHeartbeatHandler({ groups }: BrokerServices): AnyHandler {
  return handlerOf(consumerGroupHeartbeatApi, async (request, { connection }) => ({
    body: await groups.heartbeat(request, connection.remoteHost),
  }));
}
