/**
 * What a log checks of a batch before it appends it, without decoding a record. All or nothing: a batch that fails any
 * check is refused whole.
 *
 * What the records themselves say is not seen here: a producer that lies inside them harms only the readers of its own
 * data, and readers check each record.
 */
import { MillraceError } from '@millrace/base';
import type { BatchView } from './batch-view.js';
import { compressions } from './compression/compression.js';
import { corruptMessage } from './corrupt-message.js';
import * as layout from './layout.js';

export interface BatchLimits {
  /**
   * Who wrote the batch:
   * - `client`: a producer. What only a leader or a coordinator sets must be unset, and offsets must have no gaps;
   * - `coordinator`: this node itself. As a client, but it may write control batches;
   * - `replica`: copied from a leader's log, with offsets and epoch set; compaction may have left gaps.
   */
  readonly origin: 'client' | 'coordinator' | 'replica';
  /** Of the whole batch as it is (compressed): `max.message.bytes`. */
  readonly maxBytes: number;
  /** No record may be earlier; by the first record, the only one that shows. */
  readonly minTimestampMs?: number;
  /** No record may be later. */
  readonly maxTimestampMs?: number;
}

/** Throws `CORRUPT_MESSAGE`, `MESSAGE_TOO_LARGE`, `INVALID_RECORD` or `INVALID_TIMESTAMP`. */
export function validateBatch(view: BatchView, limits: BatchLimits): void {
  validateBytes(view, limits);
  validateAttributes(view, limits);
  validateOffsets(view, limits);
  validateProducer(view);
  validateTimestamps(view, limits);
}

function validateBytes(view: BatchView, limits: BatchLimits): void {
  const size = view.sizeBytes;
  if (size > limits.maxBytes) {
    throw new MillraceError(
      'MESSAGE_TOO_LARGE',
      `A batch of ${size} bytes is over the limit of ${limits.maxBytes}: send smaller batches or raise max.message.bytes`,
    );
  }
  if (!view.isComplete) throw corruptMessage(`it should have ${size} bytes and ends before that`);
  if (view.magic !== layout.batchMagic) throw corruptMessage(`its magic is ${view.magic}, only 2 is spoken`);
  if (!view.isCrcValid()) throw corruptMessage('its checksum does not match its bytes');
}

function validateAttributes(view: BatchView, limits: BatchLimits): void {
  const attributes = view.attributes;
  if ((attributes & ~layout.knownAttributes) !== 0) throw invalidRecord(`unknown attribute bits (${attributes})`);
  if ((attributes & layout.compressionMask) >= compressions.length) {
    throw invalidRecord(`unknown compression code ${attributes & layout.compressionMask}`);
  }
  if (limits.origin === 'replica') return;
  if ((attributes & layout.deleteHorizonFlag) !== 0)
    throw invalidRecord('a delete horizon, which only compaction sets');
  if (limits.origin === 'client' && view.isControl) throw invalidRecord('control records, which no client may write');
}

function validateOffsets(view: BatchView, limits: BatchLimits): void {
  const { recordCount, lastOffsetDelta } = view;
  const recordsBytes = view.sizeBytes - layout.batchHeaderBytes;
  const isCompressed = (view.attributes & layout.compressionMask) !== 0;
  if (recordCount < 0 || lastOffsetDelta < 0) {
    throw invalidRecord(`${recordCount} records and a last offset delta of ${lastOffsetDelta}`);
  }
  if (
    recordCount * (isCompressed ? 0 : layout.minRecordBytes) > recordsBytes ||
    (recordCount > 0 && recordsBytes === 0)
  ) {
    throw invalidRecord(`${recordCount} records in ${recordsBytes} bytes`);
  }
  const baseOffset = view.baseOffset;

  if (limits.origin === 'replica') {
    if (baseOffset < 0 || !Number.isSafeInteger(baseOffset + lastOffsetDelta + 1))
      throw invalidRecord('impossible offsets');
    if (recordCount > lastOffsetDelta + 1) throw invalidRecord('more records than offsets');
    return;
  }
  if (recordCount === 0) throw invalidRecord('no records');
  if (lastOffsetDelta !== recordCount - 1) {
    throw invalidRecord(`${recordCount} records and a last offset delta of ${lastOffsetDelta}`);
  }
  if (baseOffset !== 0) throw invalidRecord(`base offset ${baseOffset} instead of 0: the log assigns offsets`);
  // 0 as well as -1: clients that know no leader epochs leave the field zeroed.
  if (view.leaderEpoch !== -1 && view.leaderEpoch !== 0)
    throw invalidRecord('a leader epoch, which only a leader sets');
}

/** Without a producer id, 0 is as good as -1 for epoch and sequence: kafkajs sends zeros. */
function validateProducer(view: BatchView): void {
  const { producerId, producerEpoch, baseSequence } = view;
  if (producerId < -1 || producerId > Number.MAX_SAFE_INTEGER || producerEpoch < -1 || baseSequence < -1) {
    throw invalidRecord(`producer id ${producerId}, epoch ${producerEpoch}, sequence ${baseSequence}`);
  }
  if (producerId === -1) {
    if (view.isTransactional) throw invalidRecord('a transaction without a producer id');
    if (producerEpoch > 0 || baseSequence > 0) throw invalidRecord('an epoch or sequence without a producer id');
    return;
  }
  if (producerEpoch < 0) throw invalidRecord('a producer id without an epoch');
  // Markers carry the producer they are about, and no sequence.
  if (baseSequence < 0 && !view.isControl) throw invalidRecord('a producer id without a sequence');
}

function validateTimestamps(view: BatchView, limits: BatchLimits): void {
  const { baseTimestamp: base, maxTimestamp: max } = view;
  checkTimestamp(base);
  checkTimestamp(max);
  if (view.timestampType === 'LogAppendTime') {
    if (limits.origin === 'client') throw invalidTimestamp('the type LogAppendTime, which only a leader sets');
    return;
  }
  if (limits.origin === 'replica') return;
  if (max < base) throw invalidTimestamp(`${max} as the greatest and ${base} as the first`);
  if (limits.minTimestampMs !== undefined && base < limits.minTimestampMs && base !== layout.noTimestampMs) {
    throw invalidTimestamp(`${base}, before the earliest allowed, ${limits.minTimestampMs}`);
  }
  if (limits.maxTimestampMs !== undefined && max > limits.maxTimestampMs) {
    throw invalidTimestamp(`${max}, after the latest allowed, ${limits.maxTimestampMs}`);
  }
}

function checkTimestamp(timestampMs: number): void {
  if (timestampMs >= layout.noTimestampMs && timestampMs <= layout.maxTimestampMs) return;
  throw invalidTimestamp(`${timestampMs}, which is no moment`);
}

function invalidRecord(what: string): MillraceError {
  return new MillraceError('INVALID_RECORD', `A batch was refused: it has ${what}`);
}

function invalidTimestamp(what: string): MillraceError {
  return new MillraceError('INVALID_TIMESTAMP', `A batch was refused for its timestamps: it has ${what}`);
}
