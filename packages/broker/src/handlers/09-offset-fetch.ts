/** OffsetFetch: what a group has committed, from its coordinator. */
import { offsetFetchApi } from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import { type AnyHandler, handlerOf } from '../request.js';

export function offsetFetchHandler({ groups, controller }: BrokerServices): AnyHandler {
  return handlerOf(offsetFetchApi, async (request) => {
    const { group } = request;
    return { body: await groups.submit({ kind: 'fetch-offsets', group, request, image: controller.image }) };
  });
}
