/**
 * WriteTxnMarkers: a coordinator tells the leaders of partitions how transactions ended.
 *
 * It is repeated until every partition has answered well. A marker that is there already counts as written.
 */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import { errorField, flag, messageField, partitionField, replyList, requestList, topicIdField } from '../fields.js';
import { coordinatorEpochField, producerEpochField, producerIdField, topicPartitions } from './transaction-fields.js';

const request = z.object({
  markers: requestList(
    z.object({
      producerId: producerIdField(),
      producerEpoch: producerEpochField('Epoch that the producer has from now on: above that of the transaction.'),
      coordinatorEpoch: coordinatorEpochField('Leader epoch of the coordinator’s partition: an older one is refused.'),
      committed: flag('Whether the transaction was committed; else it was aborted.'),
      partitions: topicPartitions('Where to write the marker.'),
    }),
    'One for each transaction.',
  ),
});

const response = z.object({
  markers: replyList(
    z.object({
      producerId: producerIdField(),
      partitions: replyList(
        z.object({
          topicId: topicIdField(),
          partition: partitionField(),
          error: errorField(),
          message: messageField(),
        }),
        'In the order of the request.',
      ),
    }),
    'In the order of the request.',
  ),
});

export const writeTxnMarkersApi = defineApi({
  key: 27,
  name: 'WriteTxnMarkers',
  text: 'Writes the ends of transactions into partitions.',
  versions: [{ version: 0, why: 'First version.' }],
  listener: 'internal',
  request,
  response,
});

export type WriteTxnMarkersRequest = RequestOf<typeof writeTxnMarkersApi>;
export type WriteTxnMarkersResponse = ResponseOf<typeof writeTxnMarkersApi>;
