/**
 * Fetch: read record batches from partitions, waiting for more when there is too little.
 *
 * The reply's payload is the batches in the order of its entries, `bytes` long each. The first batch of an entry may
 * begin before `fetchOffset`: the reader skips the records it did not ask for. One batch is always sent whole, even
 * when it is larger than the limits.
 */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import {
  errorField,
  messageField,
  natural,
  natural53,
  natural53OrNone,
  naturalOrNone,
  partitionField,
  replyList,
  requestList,
  topicIdField,
} from '../fields.js';
import { isolation } from './isolation.js';

const request = z.object({
  maxWaitMs: natural('How long to wait for minBytes.'),
  minBytes: natural('Answer as soon as this much can be sent.'),
  maxBytes: natural('At most this much in all, but at least one batch.'),
  isolation: isolation(),
  partitions: requestList(
    z.object({
      topicId: topicIdField(),
      partition: partitionField(),
      fetchOffset: natural53('First offset wanted.'),
      leaderEpoch: naturalOrNone('Epoch of the leader the sender knows; -1: unknown.'),
      maxBytes: natural('At most this much of this partition.'),
    }),
    'In order of preference: the first ones are filled first.',
  ),
});

const response = z.object({
  partitions: replyList(
    z.object({
      topicId: topicIdField(),
      partition: partitionField(),
      error: errorField(),
      message: messageField(),
      highWatermark: natural53OrNone('Offset after the last readable record; -1 on error.'),
      lastStableOffset: natural53OrNone('Offset after the last record of no open transaction; -1 on error.'),
      logStartOffset: natural53OrNone('First offset still in the log; -1 on error.'),
      aborted: replyList(
        z.object({
          producerId: natural53('Producer of the transaction.'),
          firstOffset: natural53('First record of the transaction in this partition.'),
          lastOffset: natural53('Its marker.'),
        }),
        'Aborted transactions with records among these; only for read-committed, in the order of their markers.',
      ),
      bytes: natural('Length of this entry’s batches in the payload.'),
    }),
    'In the order of the request.',
  ),
});

export const fetchApi = defineApi({
  key: 1,
  name: 'Fetch',
  text: 'Reads record batches, waiting until there is enough to send.',
  versions: [{ version: 0, why: 'First version: topics by id, leader epoch checked, no fetch sessions.' }],
  listener: 'client',
  payload: 'response',
  request,
  response,
});

export type FetchRequest = RequestOf<typeof fetchApi>;
export type FetchResponse = ResponseOf<typeof fetchApi>;
