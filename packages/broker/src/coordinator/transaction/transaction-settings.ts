/** What transactions can be told: plain numbers, checked by whoever makes them. */
import type { InternalTopicSettings } from '../host/internal-topic.js';
import type { TransactionPolicy } from './transaction-policy.js';

export interface TransactionSettings extends TransactionPolicy {
  readonly topic: InternalTopicSettings;
  /** How often it is looked at whose time is over. */
  readonly tickMs: number;
  readonly idCheckMs: number;
  /** How long a request waits for the transaction before to end. */
  readonly maxEndWaitMs: number;
  /** Commands of one partition that may wait for their commit. */
  readonly maxPending: number;
}

export const defaultTransactionSettings: TransactionSettings = {
  topic: {
    name: '__transaction_state',
    partitions: 16,
    replicationFactor: -1,
    minBrokers: 1,
    segmentBytes: 100 * 1024 * 1024,
    maxBatchBytes: 8 * 1024 * 1024,
  },
  maxTimeoutMs: 15 * 60_000,
  idExpirationMs: 7 * 24 * 60 * 60_000,
  maxPartitions: 10_000,
  maxTransactionalIds: 100_000,
  tickMs: 1000,
  idCheckMs: 60 * 60_000,
  maxEndWaitMs: 1000,
  maxPending: 10_000,
};
