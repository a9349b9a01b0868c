/**
 * Produce: append record batches to partitions.
 *
 * The payload is the batches themselves, one per entry and in the order of the entries, each as long as its `bytes`.
 * With acks 0 there is no reply at all.
 */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import {
  errorField,
  messageField,
  name,
  natural,
  natural53OrNone,
  naturalOrNone,
  partitionField,
  replyList,
  requestList,
  timestamp,
  topicIdField,
} from '../fields.js';

const request = z.object({
  acks: z
    .literal([-1, 0, 1])
    .describe('-1: all in-sync replicas have it synced; 1: the leader has it synced; 0: no reply.'),
  timeoutMs: natural('How long the leader may wait for the other replicas.'),
  transactionalId: name('Set when the batches belong to a transaction.').nullable(),
  partitions: requestList(
    z.object({
      topicId: topicIdField(),
      partition: partitionField(),
      leaderEpoch: naturalOrNone('Epoch of the leader the sender knows, so that a deposed one refuses; -1: unknown.'),
      bytes: natural('Length of this entry’s batch in the payload.'),
    }),
    'One entry a batch.',
  ),
});

const response = z.object({
  partitions: replyList(
    z.object({
      topicId: topicIdField(),
      partition: partitionField(),
      error: errorField(),
      message: messageField(),
      baseOffset: natural53OrNone('Offset of the first record of the batch; -1 on error.'),
      logAppendTimeMs: timestamp('Time given by the leader; -1 when the records keep their own.', -1),
      logStartOffset: natural53OrNone('First offset still in the log; -1 on error.'),
    }),
    'In the order of the request.',
  ),
});

export const produceApi = defineApi({
  key: 0,
  name: 'Produce',
  text: 'Appends record batches to partitions.',
  versions: [{ version: 0, why: 'First version: topics by id, leader epoch checked, one batch per entry.' }],
  listener: 'client',
  payload: 'request',
  request,
  response,
});

export type ProduceRequest = RequestOf<typeof produceApi>;
export type ProduceResponse = ResponseOf<typeof produceApi>;
