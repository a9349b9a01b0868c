/**
 * EndTxn: commits or aborts the transaction of a producer.
 *
 * The answer comes when the decision is durable. It brings the epoch for the next transaction, one higher: a request of
 * this transaction that is still on its way cannot touch the next one. Sent again, with the old epoch, it gets the
 * same answer.
 */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import { errorField, flag, messageField, natural53OrNone, naturalOrNone } from '../fields.js';
import { producerEpochField, producerIdField, transactionalIdField } from './transaction-fields.js';

const request = z.object({
  transactionalId: transactionalIdField(),
  producerId: producerIdField(),
  producerEpoch: producerEpochField(),
  committed: flag('Whether to commit; else to abort.'),
});

const response = z.object({
  error: errorField(),
  message: messageField(),
  producerId: natural53OrNone(
    'Id for the next transaction, another one when the epochs of the old are used up; -1 on error.',
  ),
  producerEpoch: naturalOrNone('Epoch for the next transaction; -1 on error.'),
});

export const endTxnApi = defineApi({
  key: 26,
  name: 'EndTxn',
  text: 'Commits or aborts the transaction of a producer.',
  versions: [{ version: 0, why: 'First version: each end raises the epoch of the producer.' }],
  listener: 'client',
  request,
  response,
});

export type EndTxnRequest = RequestOf<typeof endTxnApi>;
export type EndTxnResponse = ResponseOf<typeof endTxnApi>;
