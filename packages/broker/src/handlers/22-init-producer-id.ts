/**
 * InitProducerId: gives a producer its id and epoch. One that is only idempotent and asks to renew its id gets a new one;
 * a transactional one gets what the coordinator of its transactional id says.
 */
import { initProducerIdApi } from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import { type AnyHandler, handlerOf } from '../request.js';
import { entryError } from './entry-error.js';

export function initProducerIdHandler(services: BrokerServices): AnyHandler {
  return handlerOf(initProducerIdApi, async (request) => {
    const { transactionalId } = request;
    try {
      const { producerId, producerEpoch } =
        transactionalId === null
          ? { producerId: await services.producerIds.next(), producerEpoch: 0 }
          : await services.transactions.coordinator.initProducer({ ...request, transactionalId });
      return { body: { error: 0, message: null, producerId, producerEpoch } };
    } catch (error) {
      return { body: { ...entryError(services, initProducerIdApi, error), producerId: -1, producerEpoch: -1 } };
    }
  });
}
