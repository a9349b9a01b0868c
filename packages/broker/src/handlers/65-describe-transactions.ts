/** DescribeTransactions: transactional ids that this node coordinates. */
import { describeTransactionsApi } from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import type { TransactionDescription } from '../coordinator/transaction/decisions/describe-transactions.js';
import { type AnyHandler, handlerOf } from '../request.js';
import { entryError } from './entry-error.js';

export function describeTransactionsHandler(services: BrokerServices): AnyHandler {
  return handlerOf(describeTransactionsApi, async ({ transactionalIds }) => ({
    body: { transactions: await Promise.all(transactionalIds.map((id) => describe(services, id))) },
  }));
}

async function describe(services: BrokerServices, transactionalId: string): Promise<TransactionDescription> {
  try {
    return await services.transactions.coordinator.describe(transactionalId);
  } catch (error) {
    return {
      transactionalId,
      ...entryError(services, describeTransactionsApi, error),
      state: 'empty',
      producerId: -1,
      producerEpoch: -1,
      timeoutMs: 0,
      startedAt: -1,
      partitions: [],
    };
  }
}
