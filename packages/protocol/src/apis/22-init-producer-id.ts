/** InitProducerId: an id for a producer, so that its retries can be told from new records. */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import { errorField, messageField, name, natural, natural53OrNone, naturalOrNone } from '../fields.js';

const request = z.object({
  transactionalId: name('Set by transactional producers: the same id fences older ones.').nullable(),
  transactionTimeoutMs: natural('A transaction open for longer is aborted.'),
  producerId: natural53OrNone('The id to renew with a higher epoch; -1: give a new one.'),
  producerEpoch: naturalOrNone('Epoch of the id to renew; -1: give a new one.'),
});

const response = z.object({
  error: errorField(),
  message: messageField(),
  producerId: natural53OrNone('The producer’s id; -1 on error.'),
  producerEpoch: naturalOrNone('Its epoch; -1 on error.'),
});

export const initProducerIdApi = defineApi({
  key: 22,
  name: 'InitProducerId',
  text: 'Gives a producer its id and epoch.',
  versions: [{ version: 0, why: 'First version.' }],
  listener: 'client',
  request,
  response,
});

export type InitProducerIdRequest = RequestOf<typeof initProducerIdApi>;
export type InitProducerIdResponse = ResponseOf<typeof initProducerIdApi>;
