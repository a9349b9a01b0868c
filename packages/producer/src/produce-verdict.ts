/**
 * What an answer to a produce request means for one batch. The one place that decides about retries: every code has
 * its reason here.
 *
 * Two questions matter. May it be sent again? And is it *known* not to be in the log? Only a batch of which every
 * attempt was surely refused may later take new sequence numbers; any other could end up in the log twice.
 */

export type Verdict =
  /** It is in the log. */
  | 'acknowledged'
  /** Refused before anything was written: it may be sent again, under other numbers too. */
  | 'retry-refused'
  /** It may or may not be in the log: it may be sent again under the same numbers only. */
  | 'retry-unknown'
  /** Refused because a batch before it is missing. */
  | 'out-of-order'
  /** Refused because the broker does not know this producer, or knows a newer epoch. */
  | 'producer-lost'
  /** Refused for its size: halves may fit. */
  | 'too-large'
  /** Refused, and no retry can help. */
  | 'refused'
  /** Failed for good without telling whether it was written. */
  | 'failed-unknown';

const verdicts: Readonly<Record<string, Verdict>> = {
  // The broker recognized a retry of a batch that it has: its first attempt succeeded.
  DUPLICATE_SEQUENCE_NUMBER: 'acknowledged',

  // Checked by the broker before it appends.
  NOT_ENOUGH_REPLICAS: 'retry-refused',
  LOG_DISK_FULL: 'retry-refused',
  FENCED_LEADER_EPOCH: 'retry-refused',
  UNKNOWN_LEADER_EPOCH: 'retry-refused',
  THROTTLING_QUOTA_EXCEEDED: 'retry-refused',
  // A leader asks the coordinator of the transaction before it writes.
  CONCURRENT_TRANSACTIONS: 'retry-refused',
  COORDINATOR_NOT_AVAILABLE: 'retry-refused',
  COORDINATOR_LOAD_IN_PROGRESS: 'retry-refused',
  NOT_COORDINATOR: 'retry-refused',
  // The CRC failed: bytes were damaged on their way, and what we hold may still be good.
  CORRUPT_MESSAGE: 'retry-refused',

  // A leader may append, lose its leadership while it waits for replicas, and only then answer so.
  NOT_LEADER_OR_FOLLOWER: 'retry-unknown',
  LEADER_NOT_AVAILABLE: 'retry-unknown',
  UNKNOWN_TOPIC_OR_PARTITION: 'retry-unknown',
  UNKNOWN_TOPIC_ID: 'retry-unknown',
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: 'retry-unknown',
  KAFKA_STORAGE_ERROR: 'retry-unknown',
  BROKER_SHUTTING_DOWN: 'retry-unknown',
  REQUEST_TIMED_OUT: 'retry-unknown',
  NETWORK_EXCEPTION: 'retry-unknown',

  OUT_OF_ORDER_SEQUENCE_NUMBER: 'out-of-order',
  UNKNOWN_PRODUCER_ID: 'producer-lost',
  INVALID_PRODUCER_EPOCH: 'producer-lost',

  // The transaction is over, or was never begun: whoever ends it hears what has become of it.
  PRODUCER_FENCED: 'refused',
  INVALID_PRODUCER_ID_MAPPING: 'refused',
  INVALID_TXN_STATE: 'refused',
  TRANSACTION_ABORTABLE: 'refused',

  MESSAGE_TOO_LARGE: 'too-large',
  RECORD_LIST_TOO_LARGE: 'too-large',

  INVALID_RECORD: 'refused',
  INVALID_TIMESTAMP: 'refused',
  INVALID_REQUIRED_ACKS: 'refused',
  INVALID_REQUEST: 'refused',
  INVALID_TOPIC_EXCEPTION: 'refused',
  UNSUPPORTED_COMPRESSION_TYPE: 'refused',
  UNSUPPORTED_VERSION: 'refused',
  TOPIC_AUTHORIZATION_FAILED: 'refused',
  CLUSTER_AUTHORIZATION_FAILED: 'refused',
};

/** `retriable` is what the error itself says; it decides for codes that are not listed. */
export function verdictOf(code: string, retriable: boolean): Verdict {
  return verdicts[code] ?? (retriable ? 'retry-unknown' : 'failed-unknown');
}
