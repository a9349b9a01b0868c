/** ListTransactions: the transactional ids that a node coordinates; ask all nodes for all of them. */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import { errorField, messageField, natural53OrNone, replyList } from '../fields.js';
import { producerIdField, transactionalIdField, transactionState } from './transaction-fields.js';

const request = z.object({
  states: z.array(transactionState()).max(16).describe('Only those in one of these states; empty: all.'),
  openForMs: natural53OrNone('Only those open for at least this long; -1: all.'),
});

const response = z.object({
  error: errorField(),
  message: messageField(),
  transactions: replyList(
    z.object({
      transactionalId: transactionalIdField(),
      producerId: producerIdField(),
      state: transactionState(),
    }),
    'By transactional id.',
  ),
});

export const listTransactionsApi = defineApi({
  key: 66,
  name: 'ListTransactions',
  text: 'Lists the transactional ids of a coordinator.',
  versions: [{ version: 0, why: 'First version.' }],
  listener: 'client',
  request,
  response,
});

export type ListTransactionsRequest = RequestOf<typeof listTransactionsApi>;
export type ListTransactionsResponse = ResponseOf<typeof listTransactionsApi>;
