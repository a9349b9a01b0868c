/** InitProducerId: gives an idempotent producer its id. A producer that asks to renew its id gets a new one. */
import { initProducerIdApi, protocolError } from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import { type AnyHandler, handlerOf } from '../request.js';
import { entryError } from './entry-error.js';

export function initProducerIdHandler(services: BrokerServices): AnyHandler {
  return handlerOf(initProducerIdApi, async (request) => {
    try {
      if (request.transactionalId !== null) {
        throw protocolError('INVALID_REQUEST', 'This node does not serve transactions yet: leave transactionalId out.');
      }
      const producerId = await services.producerIds.next();
      return { body: { error: 0, message: null, producerId, producerEpoch: 0 } };
    } catch (error) {
      return { body: { ...entryError(services, initProducerIdApi, error), producerId: -1, producerEpoch: -1 } };
    }
  });
}
