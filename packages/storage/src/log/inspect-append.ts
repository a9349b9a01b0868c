// hot path
/**
 * Judges the bytes of an append before anything changes: whole valid batches, the offsets and epochs that a replica
 * must bring along, and whether a producer sent this batch before.
 */
import { MillraceError } from '@millrace/base';
import { batchHeaderBytes, type BatchLimits, BatchView, readTransactionMarker, validateBatch } from '@millrace/record';
import { requireKeys } from '../compaction/require-keys.js';
import { isCompacted, type LogConfig } from '../log-config.js';
import type { AppendOrigin } from '../producer-state/producer-batch.js';
import type { DuplicateBatch, ProducerState } from '../producer-state/producer-state.js';
import { maxBatchBytes } from '../segment/batch-check.js';

export interface AppendPlace {
  readonly origin: AppendOrigin;
  readonly endOffset: number;
  /** Of the log so far. */
  readonly latestEpoch: number;
  /** Whether a replica's batches may skip offsets, for compaction took them: only where that is marked. */
  readonly allowsGaps: boolean;
  readonly config: LogConfig;
  readonly nowMs: number;
  readonly producers: ProducerState;
}

/** The batches of an append, once they are found good: where each ends, and the last offset it will have. */
export interface InspectedAppend {
  readonly ends: readonly number[];
  readonly lastOffsets: readonly number[];
  readonly duplicate: DuplicateBatch | undefined;
}

export function inspectAppend(bytes: Uint8Array, place: AppendPlace): InspectedAppend {
  const { origin, producers } = place;
  const isReplica = origin === 'replica';
  const limits = limitsOf(place);
  const needsKeys = origin === 'client' && isCompacted(place.config);
  const view = new BatchView();
  const ends: number[] = [];
  const lastOffsets: number[] = [];
  let duplicate: DuplicateBatch | undefined;
  let nextOffset = place.endOffset;
  let epoch = place.latestEpoch;
  let position = 0;
  while (position < bytes.length) {
    if (bytes.length - position < batchHeaderBytes) throw incomplete(bytes.length - position);
    view.at(bytes, position);
    validateBatch(view, limits);
    if (needsKeys) requireKeys(view);
    if (isReplica) {
      requireReplicated(view, nextOffset, epoch, place.allowsGaps);
      epoch = view.leaderEpoch;
      nextOffset = view.nextOffset;
    } else {
      if (view.producerId >= 0 && view.sizeBytes !== bytes.length) throw notAlone();
      const check = producers.check(view, origin, readTransactionMarker(view));
      if (check.kind === 'duplicate') duplicate = check;
      nextOffset += view.lastOffsetDelta + 1;
    }
    position += view.sizeBytes;
    ends.push(position);
    lastOffsets.push(nextOffset - 1);
  }
  if (ends.length === 0) throw incomplete(0);
  if (!Number.isSafeInteger(nextOffset)) {
    throw new MillraceError('INVALID_RECORD', 'An append was refused: the log has no offsets left below 2^53');
  }
  return { ends, lastOffsets, duplicate };
}

function limitsOf({ origin, config, nowMs }: AppendPlace): BatchLimits {
  // What a leader took, its replica must take; what we write ourselves is not what users are limited by.
  if (origin !== 'client') return { origin, maxBytes: maxBatchBytes };
  if (config.timestampType === 'LogAppendTime') return { origin, maxBytes: config.maxMessageBytes };
  return {
    origin,
    maxBytes: config.maxMessageBytes,
    minTimestampMs: nowMs - config.messageTimestampBeforeMaxMs,
    maxTimestampMs: nowMs + config.messageTimestampAfterMaxMs,
  };
}

function requireReplicated(view: BatchView, expectedOffset: number, latestEpoch: number, allowsGaps: boolean): void {
  const { baseOffset, leaderEpoch } = view;
  if (baseOffset !== expectedOffset && !(allowsGaps && baseOffset > expectedOffset)) {
    throw new MillraceError(
      'INVALID_RECORD',
      `A replicated batch begins at offset ${baseOffset}, but ${expectedOffset} is next in this log`,
    );
  }
  if (leaderEpoch < 0 || leaderEpoch < latestEpoch) {
    throw new MillraceError(
      'INVALID_RECORD',
      `A replicated batch at offset ${baseOffset} has leader epoch ${leaderEpoch}, after ${latestEpoch} in this log`,
    );
  }
}

/** Each would have to be checked against the ones before it, and one that was sent before could not be left out. */
function notAlone(): MillraceError {
  return new MillraceError('INVALID_RECORD', 'An append was refused: a batch with a producer id must come alone');
}

function incomplete(bytes: number): MillraceError {
  return new MillraceError('CORRUPT_MESSAGE', `An append was refused: ${bytes} bytes are no record batch`);
}
