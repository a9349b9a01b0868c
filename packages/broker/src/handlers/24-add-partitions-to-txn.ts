/** AddPartitionsToTxn: a node is about to write to partitions in a transaction whose coordinator this node is. */
import { addPartitionsToTxnApi, noError } from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import { type AnyHandler, handlerOf } from '../request.js';
import { entryError } from './entry-error.js';

export function addPartitionsToTxnHandler(services: BrokerServices): AnyHandler {
  return handlerOf(addPartitionsToTxnApi, async (request) => {
    try {
      await services.transactions.coordinator.addPartitions(request);
      return { body: noError };
    } catch (error) {
      return { body: entryError(services, addPartitionsToTxnApi, error) };
    }
  });
}
