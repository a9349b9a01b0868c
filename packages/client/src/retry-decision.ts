import { MillraceError } from '@millrace/base';

/** What to do after a failure: end, try again, or ask who leads what and then try again. */
export type RetryDecision = 'give-up' | 'retry' | 'refresh';

export function retryDecision(error: unknown): RetryDecision {
  // The reason of an abort signal, or a bug: neither is cured by trying again.
  if (!(error instanceof MillraceError)) return 'give-up';
  switch (error.code) {
    // We asked the wrong node, or one that has just stopped leading; the metadata says who leads now.
    case 'NOT_LEADER_OR_FOLLOWER':
    case 'FENCED_LEADER_EPOCH':
    case 'NOT_CONTROLLER':
    case 'NOT_COORDINATOR':
    // The node has not heard of our newer epoch yet, or of a new topic: it, or another node, will know soon.
    case 'UNKNOWN_LEADER_EPOCH':
    case 'UNKNOWN_TOPIC_OR_PARTITION':
    case 'UNKNOWN_TOPIC_ID':
    // The topic was deleted and created again: the refresh brings its new id.
    case 'INCONSISTENT_TOPIC_ID':
    // An election is under way.
    case 'LEADER_NOT_AVAILABLE':
    case 'REPLICA_NOT_AVAILABLE':
    // The node cannot serve; leadership moves away from it.
    case 'KAFKA_STORAGE_ERROR':
    case 'BROKER_SHUTTING_DOWN':
    case 'BROKER_NOT_AVAILABLE':
    // The node is gone or mute. Whether it did what we asked is unknown: callers whose request must not happen twice
    // carry a sequence number or look before they repeat.
    case 'NETWORK_EXCEPTION':
    case 'REQUEST_TIMED_OUT':
      return 'refresh';
    // Whatever else the error table calls retriable is a matter of time: a full disk, a quota, too few replicas.
    default:
      return error.retriable ? 'retry' : 'give-up';
  }
}
