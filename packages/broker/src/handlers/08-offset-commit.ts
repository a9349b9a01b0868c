/** OffsetCommit: the coordinator decides entry by entry; answered when what was accepted is committed. */
import { offsetCommitApi } from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import { type AnyHandler, handlerOf } from '../request.js';

export function offsetCommitHandler({ groups, controller, metrics }: BrokerServices): AnyHandler {
  return handlerOf(offsetCommitApi, async (request) => {
    const { group } = request;
    const body = await groups.submit({ kind: 'commit-offsets', group, request, image: controller.image });
    for (const { error } of body.partitions) if (error !== 0) metrics.failed(offsetCommitApi.key, error);
    return { body };
  });
}
