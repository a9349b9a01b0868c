/** What is said to those who ask a partition for what it cannot do now. */
import { errorMessage, type MillraceError } from '@millrace/base';
import { protocolError } from '@millrace/protocol';
import type { Leadership } from './leadership.js';

/** Of which partition, on which node. */
export interface Asked {
  readonly label: string;
  readonly nodeId: number;
}

/** The sender's leader epoch is not the present one. */
export function otherEpoch({ label, nodeId }: Asked, epoch: number, current: number): MillraceError {
  if (epoch > current) {
    return protocolError(
      'UNKNOWN_LEADER_EPOCH',
      `Node ${nodeId} knows leader epoch ${current} of ${label}, not ${epoch} yet: try again.`,
    );
  }
  return protocolError(
    'FENCED_LEADER_EPOCH',
    `Leader epoch ${epoch} of ${label} is over, it is ${current} now: refresh the metadata.`,
  );
}

export function notLeader({ label, nodeId }: Asked): MillraceError {
  return protocolError('NOT_LEADER_OR_FOLLOWER', `Node ${nodeId} does not lead ${label}: refresh the metadata.`);
}

export function aboutToLead({ label, nodeId }: Asked): MillraceError {
  return protocolError('LEADER_NOT_AVAILABLE', `Node ${nodeId} is about to lead ${label}: try again.`);
}

export function perhapsReplaced({ label, nodeId }: Asked): MillraceError {
  return protocolError(
    'NOT_LEADER_OR_FOLLOWER',
    `Node ${nodeId} leads ${label} as far as it knows, but the controller has been silent for so long that another node ` +
      'may lead it by now: refresh the metadata.',
  );
}

export function offline({ label }: Asked, reason: MillraceError | undefined): MillraceError {
  const why = reason?.message ?? 'its last sync did not succeed';
  return protocolError('KAFKA_STORAGE_ERROR', `The log of ${label} is offline until the node restarts: ${why}`, reason);
}

export function tooFewInSync({ label }: Asked, { inSync, minInsyncReplicas }: Leadership): MillraceError {
  return protocolError(
    'NOT_ENOUGH_REPLICAS',
    `${label} has ${inSync.isr.length} in-sync replicas, min.insync.replicas is ${minInsyncReplicas}.`,
  );
}

/** The records are in the log. */
export function tooFewInSyncByNow({ label }: Asked, { inSync, minInsyncReplicas }: Leadership): MillraceError {
  return protocolError(
    'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
    `${label} has ${inSync.isr.length} in-sync replicas, min.insync.replicas is ${minInsyncReplicas}: the records were ` +
      'written, and may be committed later.',
  );
}

export function endNotKnown({ label, nodeId }: Asked): MillraceError {
  return protocolError(
    'OFFSET_NOT_AVAILABLE',
    `Node ${nodeId} leads ${label} since a moment and has not heard from its followers: try again.`,
  );
}

export function outOfRange(
  { label }: Asked,
  offset: number,
  { startOffset, endOffset }: { readonly startOffset: number; readonly endOffset: number },
): MillraceError {
  return protocolError(
    'OFFSET_OUT_OF_RANGE',
    `${label} has offsets ${startOffset} to ${endOffset}, not ${offset}: seek to the beginning or the end.`,
  );
}

export function notCommitted({ label }: Asked, offset: number, highWatermark: number): MillraceError {
  return protocolError(
    'OFFSET_OUT_OF_RANGE',
    `Only records below ${highWatermark} of ${label} are committed and can be deleted, not ${offset}.`,
  );
}

/** To those who waited when it happened. */
export function leaderChanged({ label }: Asked): MillraceError {
  return protocolError('NOT_LEADER_OR_FOLLOWER', `The leader of ${label} has changed.`);
}

/** To those who waited when it happened. */
export function failed({ label }: Asked, reason: unknown): MillraceError {
  return protocolError(
    'KAFKA_STORAGE_ERROR',
    `The log of ${label} failed and is offline until the node restarts: ${errorMessage(reason)}`,
    reason,
  );
}
