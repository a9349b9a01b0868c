/**
 * AddPartitionsToTxn: the leader of a partition, or the coordinator of a group, asks before the first write of a
 * transaction there.
 *
 * The coordinator has it on record before anything is written, so that the end of the transaction reaches every
 * partition that it touched. A write of a transaction that is over, or was never begun, is refused by the same question:
 * it can leave no transaction open for ever (KIP-890).
 */
import { z } from 'zod';
import { defineApi, type RequestOf, type ResponseOf } from '../api.js';
import { errorField, messageField } from '../fields.js';
import { producerEpochField, producerIdField, topicPartitions, transactionalIdField } from './transaction-fields.js';

const request = z.object({
  transactionalId: transactionalIdField(),
  producerId: producerIdField(),
  producerEpoch: producerEpochField(),
  partitions: topicPartitions('Partitions that the transaction is about to write to.'),
});

const response = z.object({ error: errorField(), message: messageField() });

export const addPartitionsToTxnApi = defineApi({
  key: 24,
  name: 'AddPartitionsToTxn',
  text: 'Adds partitions to the transaction of a producer before they are written.',
  versions: [{ version: 0, why: 'First version: sent by nodes, not by producers; all partitions or none.' }],
  listener: 'internal',
  request,
  response,
});

export type AddPartitionsToTxnRequest = RequestOf<typeof addPartitionsToTxnApi>;
export type AddPartitionsToTxnResponse = ResponseOf<typeof addPartitionsToTxnApi>;
