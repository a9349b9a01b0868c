/** What several APIs of transactions say in the same words. */
import { z } from 'zod';
import {
  maxNameLength,
  natural,
  natural53,
  naturalOrNone,
  partitionField,
  requestList,
  topicIdField,
} from '../fields.js';

export function transactionalIdField(description = 'Transactional id of the producer.') {
  return z.string().min(1).max(maxNameLength).describe(description);
}

export function producerIdField(description = 'Id of the producer.') {
  return natural53(description);
}

export function producerEpochField(description = 'Epoch of the producer id that the sender has.') {
  return natural(description).max(32_767);
}

export function coordinatorEpochField(description: string) {
  return naturalOrNone(description);
}

export function topicPartitions(description: string) {
  return requestList(z.object({ topicId: topicIdField(), partition: partitionField() }), description);
}

/** The states of a transaction, as KIP-664 names them. */
export const transactionStates = [
  'empty',
  'ongoing',
  'prepare-commit',
  'prepare-abort',
  'complete-commit',
  'complete-abort',
] as const;

export type TransactionStateName = (typeof transactionStates)[number];

export function transactionState() {
  return z
    .enum(transactionStates)
    .describe(
      'empty: none since the producer began; ongoing: open; prepare-*: decided, and being told to the partitions; ' +
        'complete-*: decided, and all partitions know.',
    );
}
