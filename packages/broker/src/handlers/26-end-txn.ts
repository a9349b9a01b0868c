/** EndTxn: commits or aborts the transaction of a producer; answered when the decision is durable. */
import { endTxnApi } from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import { type AnyHandler, handlerOf } from '../request.js';
import { entryError } from './entry-error.js';

export function endTxnHandler(services: BrokerServices): AnyHandler {
  return handlerOf(endTxnApi, async (request) => {
    try {
      const { producerId, producerEpoch } = await services.transactions.coordinator.end(request);
      return { body: { error: 0, message: null, producerId, producerEpoch } };
    } catch (error) {
      return { body: { ...entryError(services, endTxnApi, error), producerId: -1, producerEpoch: -1 } };
    }
  });
}
