/** Settings of transactions, with Kafka's names, and what they mean to the broker. */
import { defineSettings, type SettingValues } from '@millrace/base';
import { defaultTransactionSettings, type TransactionSettings } from '@millrace/broker';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

export const transactionSettings = defineSettings({
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': {
    type: 'integer',
    default: 1000,
    min: 10,
    max: 10 * minuteMs,
    unit: 'ms',
    scope: 'node',
    restart: true,
    text: 'How often a node looks for transactions that have been open for longer than their producers said. They are aborted.',
  },
  'transaction.max.timeout.ms': {
    type: 'integer',
    default: 15 * minuteMs,
    min: 1,
    max: 7 * dayMs,
    unit: 'ms',
    scope: 'node',
    restart: true,
    text: 'Longest transaction timeout that a producer may ask for: readers of committed records wait for what is open.',
  },
  'transaction.remove.expired.transaction.cleanup.interval.ms': {
    type: 'integer',
    default: 60 * minuteMs,
    min: 100,
    max: dayMs,
    unit: 'ms',
    scope: 'node',
    restart: true,
    text: 'How often a node looks for transactional ids that have expired.',
  },
  'transaction.state.log.num.partitions': {
    type: 'integer',
    default: 16,
    min: 1,
    max: 1000,
    unit: 'count',
    scope: 'node',
    restart: true,
    text: 'Partitions of __transaction_state when it is created: so many nodes at most share the work of coordinating transactions.',
  },
  'transaction.state.log.replication.factor': {
    type: 'integer',
    default: 0,
    min: 0,
    max: 64,
    unit: 'count',
    scope: 'node',
    restart: true,
    text: 'Copies of __transaction_state when it is created; 0: as many as there are brokers, up to 3.',
  },
  'transaction.state.log.segment.bytes': {
    type: 'integer',
    default: 100 * 1024 * 1024,
    min: 1024 * 1024,
    max: 2 ** 31 - 1,
    unit: 'bytes',
    scope: 'node',
    restart: true,
    text: 'Segment size of __transaction_state when it is created: what is not compacted yet is read by a new coordinator.',
  },
  'transactional.id.expiration.ms': {
    type: 'integer',
    default: 7 * dayMs,
    min: 100,
    max: 365 * dayMs,
    unit: 'ms',
    scope: 'node',
    restart: true,
    text: 'A transactional id that was not used for so long is forgotten. One with an open transaction is kept.',
  },
});

/** `voters`: of the cluster; 0 for a node alone. Each is a broker too, and the topic waits for them, up to its copies. */
export function transactionSettingsOf(
  values: SettingValues<typeof transactionSettings>,
  voters: number,
): TransactionSettings {
  const copies = values['transaction.state.log.replication.factor'];
  return {
    ...defaultTransactionSettings,
    topic: {
      ...defaultTransactionSettings.topic,
      partitions: values['transaction.state.log.num.partitions'],
      replicationFactor: copies === 0 ? -1 : copies,
      minBrokers: copies === 0 ? Math.max(1, Math.min(3, voters)) : copies,
      segmentBytes: values['transaction.state.log.segment.bytes'],
    },
    maxTimeoutMs: values['transaction.max.timeout.ms'],
    idExpirationMs: values['transactional.id.expiration.ms'],
    tickMs: values['transaction.abort.timed.out.transaction.cleanup.interval.ms'],
    idCheckMs: values['transaction.remove.expired.transaction.cleanup.interval.ms'],
  };
}
