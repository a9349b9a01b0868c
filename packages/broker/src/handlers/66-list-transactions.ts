/** ListTransactions: the transactional ids whose coordinator this node is. */
import { listTransactionsApi } from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import { type AnyHandler, handlerOf } from '../request.js';
import { entryError } from './entry-error.js';

export function listTransactionsHandler(services: BrokerServices): AnyHandler {
  return handlerOf(listTransactionsApi, async (request) => {
    try {
      const transactions = await services.transactions.coordinator.list(request);
      return { body: { error: 0, message: null, transactions } };
    } catch (error) {
      return { body: { ...entryError(services, listTransactionsApi, error), transactions: [] } };
    }
  });
}
