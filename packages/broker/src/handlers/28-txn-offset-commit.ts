/** TxnOffsetCommit: the transaction's coordinator knows of it first; then the group's coordinator decides entry by entry. */
import { txnOffsetCommitApi } from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import { type AnyHandler, handlerOf } from '../request.js';

export function txnOffsetCommitHandler({ groups, transactions, metrics }: BrokerServices): AnyHandler {
  return handlerOf(txnOffsetCommitApi, async (request) => {
    const body = await groups.commitWithTransaction(request, (partitions) =>
      transactions.verifier.add(request, partitions),
    );
    for (const { error } of body.partitions) if (error !== 0) metrics.failed(txnOffsetCommitApi.key, error);
    return { body };
  });
}
