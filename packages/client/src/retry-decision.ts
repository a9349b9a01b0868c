import { MillraceError } from '@millrace/base';

/** What to do after a failure: end, try again, or ask who leads what and then try again. */
export type RetryDecision = 'give-up' | 'retry' | 'refresh';

export function retryDecision(error: unknown): RetryDecision {
  // The reason of an abort signal, or a bug: neither is cured by trying again.
  if (!(error instanceof MillraceError)) return 'give-up';
  if (metadataMayBeOld.has(error.code)) return 'refresh';
  // Whatever else the error table calls retriable is a matter of time: a full disk, a quota, too few replicas.
  return error.retriable ? 'retry' : 'give-up';
}

const metadataMayBeOld: ReadonlySet<string> = new Set([
  // We asked the wrong node, or one that has just stopped leading; the metadata says who leads now.
  'NOT_LEADER_OR_FOLLOWER',
  'FENCED_LEADER_EPOCH',
  'NOT_CONTROLLER',
  'NOT_COORDINATOR',
  // The node has not heard of our newer epoch yet, or of a new topic: it, or another node, will know soon.
  'UNKNOWN_LEADER_EPOCH',
  'UNKNOWN_TOPIC_OR_PARTITION',
  // The topic is new, or was deleted and created again: then the refresh brings its new id.
  'UNKNOWN_TOPIC_ID',
  'INCONSISTENT_TOPIC_ID',
  // An election is under way.
  'LEADER_NOT_AVAILABLE',
  'REPLICA_NOT_AVAILABLE',
  // The node cannot serve; leadership moves away from it.
  'KAFKA_STORAGE_ERROR',
  'BROKER_SHUTTING_DOWN',
  'BROKER_NOT_AVAILABLE',
  // The node is gone or mute. Whether it did what we asked is unknown: callers whose request must not happen twice
  // carry a sequence number, or look before they repeat.
  'NETWORK_EXCEPTION',
  'REQUEST_TIMED_OUT',
]);
