/**
 * ReplicaFetch: a follower reads what it lacks from its leader, and says with the same request what it has.
 *
 * The reply's payload is the batches in the order of its entries, `bytes` long each; they begin exactly at
 * `fetchOffset`. A follower whose log went another way gets `diverging` instead of batches: it cuts its log there, or
 * further back where its own epochs say so, and asks again.
 */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import {
  brokerEpochField,
  errorField,
  messageField,
  natural,
  natural53,
  natural53OrNone,
  naturalOrNone,
  nodeIdField,
  partitionField,
  replyList,
  requestList,
  topicIdField,
} from '../fields.js';

const request = z.object({
  brokerId: nodeIdField('Node that follows.'),
  brokerEpoch: brokerEpochField('Epoch of its registration: what an earlier one had does not count.'),
  maxWaitMs: natural('How long to wait for minBytes.'),
  minBytes: natural('Answer as soon as this much can be sent.'),
  maxBytes: natural('At most this much in all, but at least one batch.'),
  partitions: requestList(
    z.object({
      topicId: topicIdField(),
      partition: partitionField(),
      leaderEpoch: natural('Epoch of the leader the follower follows.'),
      fetchOffset: natural53('End of the follower’s log: first offset wanted.'),
      lastFetchedEpoch: naturalOrNone('Epoch of the last batch in the follower’s log; -1: the log is empty.'),
      syncedEndOffset: natural53('How far the follower’s log is synced: what counts for the high watermark.'),
      logStartOffset: natural53('First offset still in the follower’s log.'),
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
      leaderEpoch: naturalOrNone('Epoch in which the answering node leads; -1: it does not, or it is unknown.'),
      highWatermark: natural53OrNone('Offset after the last committed record; -1 on error.'),
      logStartOffset: natural53OrNone('First offset still in the leader’s log; -1 on error.'),
      diverging: z
        .object({
          leaderEpoch: naturalOrNone(
            'Largest epoch not above lastFetchedEpoch that the leader has records of; -1: none.',
          ),
          endOffset: natural53('Offset after the last record of that epoch in the leader’s log.'),
        })
        .describe('Where the follower’s log left the leader’s; null: it did not.')
        .nullable(),
      bytes: natural('Length of this entry’s batches in the payload.'),
    }),
    'In the order of the request.',
  ),
});

export const replicaFetchApi = defineApi({
  key: 1001,
  name: 'ReplicaFetch',
  text: 'Copies a partition from its leader to a follower.',
  versions: [{ version: 0, why: 'First version: topics by id, synced end offsets, divergence by epoch.' }],
  listener: 'internal',
  payload: 'response',
  request,
  response,
});

export type ReplicaFetchRequest = RequestOf<typeof replicaFetchApi>;
export type ReplicaFetchResponse = ResponseOf<typeof replicaFetchApi>;
