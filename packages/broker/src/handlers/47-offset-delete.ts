/** OffsetDelete: forgets committed offsets that no member of the group uses. */
import { offsetDeleteApi } from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import { type AnyHandler, handlerOf } from '../request.js';

export function offsetDeleteHandler({ groups, controller }: BrokerServices): AnyHandler {
  return handlerOf(offsetDeleteApi, async (request) => {
    const { group } = request;
    return { body: await groups.submit({ kind: 'delete-offsets', group, request, image: controller.image }) };
  });
}
