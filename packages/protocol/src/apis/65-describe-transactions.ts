/** DescribeTransactions: the coordinator's view of transactional ids. */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import {
  errorField,
  messageField,
  natural,
  natural53OrNone,
  naturalOrNone,
  partitionField,
  replyList,
  requestList,
  topicIdField,
} from '../fields.js';
import { transactionalIdField, transactionState } from './transaction-fields.js';

const request = z.object({ transactionalIds: requestList(transactionalIdField(), 'Which ones.') });

const response = z.object({
  transactions: replyList(
    z.object({
      transactionalId: transactionalIdField('As asked.'),
      error: errorField(),
      message: messageField(),
      state: transactionState(),
      producerId: natural53OrNone('Id of the producer; -1 on error.'),
      producerEpoch: naturalOrNone('Its epoch; -1 on error.'),
      timeoutMs: natural('A transaction open for longer is aborted.'),
      startedAt: natural53OrNone('When the open transaction began, by the clock of the coordinator; -1: none is open.'),
      partitions: replyList(
        z.object({ topicId: topicIdField(), partition: partitionField() }),
        'Partitions that the transaction wrote to and that do not know its end yet.',
      ),
    }),
    'In the order of the request.',
  ),
});

export const describeTransactionsApi = defineApi({
  key: 65,
  name: 'DescribeTransactions',
  text: 'Describes transactions by their transactional ids.',
  versions: [{ version: 0, why: 'First version.' }],
  listener: 'client',
  request,
  response,
});

export type DescribeTransactionsRequest = RequestOf<typeof describeTransactionsApi>;
export type DescribeTransactionsResponse = ResponseOf<typeof describeTransactionsApi>;
