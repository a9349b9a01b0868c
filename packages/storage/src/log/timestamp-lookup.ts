/**
 * The first record at or after a time: the time index tells a batch before which all records are earlier, from there
 * on batches are looked through, and in the first that can have such a record, its records.
 */
import { assert } from '@millrace/base';
import { BatchView, loadCompression, RecordCursor } from '@millrace/record';
import { scanBatches, stop } from '../segment/scan-batches.js';
import type { Segment, SegmentPlace } from '../segment/segment.js';
import { corruptLog } from '../storage-errors.js';
import { BatchChain, type ChainRules } from './batch-chain.js';
import { type ReadableLog, requireGeneration } from './log-reader.js';

export interface TimestampedOffset {
  readonly offset: number;
  readonly timestampMs: number;
  readonly leaderEpoch: number;
}

/** A batch that would grow beyond this is not looked into: its first record stands for it. */
const maxDecompressedBytes = 64 * 1024 * 1024;
const pieceBytes = 256 * 1024;

export interface TimestampQuery {
  readonly timestampMs: number;
  /** Records before it are deleted. */
  readonly startOffset: number;
  /** Of the log when the lookup began. */
  readonly generation: number;
}

/** Undefined when the segment has no such record. */
export async function findTimestamp(
  segment: Segment,
  query: TimestampQuery,
  log: ReadableLog,
): Promise<TimestampedOffset | undefined> {
  const place = await segment.placeOfTimestamp(query.timestampMs);
  const found = place === undefined ? indexLies : await findFrom(segment, place, query, log);
  if (found !== indexLies) return found;
  requireGeneration(log, query.generation);
  await segment.renewIndexes();
  const second = await findFrom(segment, { position: 0, lastOffset: undefined }, query, log);
  assert(second !== indexLies, 'the beginning of a segment needs no index');
  return second;
}

/** The largest timestamp of the segment's records from `startOffset` on; -1 when there is none. */
export async function largestTimestampSince(segment: Segment, startOffset: number): Promise<number> {
  if (startOffset <= segment.baseOffset) return segment.largestTimestamp();
  if (startOffset >= segment.nextOffset) return -1;
  // The largest of all may be of a record that is deleted.
  let from = (await segment.placeOf(startOffset))?.position ?? 0;
  let largest = -1;
  const to = segment.sizeBytes;
  while (from < to) {
    let shared: Buffer | undefined;
    const end = await scanBatches(segment.log, { from, to }, { verifyCrc: true, pieceBytes }, (batch) => {
      if (batch.lastOffset < startOffset) return undefined;
      if (batch.baseOffset >= startOffset) {
        largest = Math.max(largest, batch.maxTimestamp);
        return undefined;
      }
      shared = copyOf(batch);
      return stop;
    });
    if (end.problem !== undefined) throw corruptLog(segment.log.path, end.position, end.problem);
    if (shared === undefined) break;
    largest = await largestRecordSince(new BatchView(shared), startOffset);
    from = end.position + shared.length;
  }
  return largest;
}

async function largestRecordSince(batch: BatchView, startOffset: number): Promise<number> {
  let largest = -1;
  await loadCompression(batch.compression);
  const records = RecordCursor.over(batch, { maxDecompressedBytes });
  while (records.next()) if (records.offset >= startOffset) largest = Math.max(largest, records.timestampMs);
  return largest;
}

function copyOf(batch: BatchView): Buffer {
  return Buffer.from(batch.bytes.subarray(batch.position, batch.position + batch.sizeBytes));
}

async function findFrom(
  segment: Segment,
  place: SegmentPlace,
  query: TimestampQuery,
  rules: ChainRules,
): Promise<TimestampedOffset | typeof indexLies | undefined> {
  const to = segment.sizeBytes;
  let from = place.position;
  let chain: BatchChain | undefined;
  while (from < to) {
    let candidate: Buffer | undefined;
    const end = await scanBatches(segment.log, { from, to }, { verifyCrc: true, pieceBytes }, (batch) => {
      if (chain === undefined) {
        if (place.lastOffset !== undefined && batch.lastOffset !== place.lastOffset) return stop;
        chain = new BatchChain(rules, place.position === 0 ? segment.baseOffset : batch.baseOffset);
      }
      const problem = chain.add(batch);
      if (problem !== undefined) return problem;
      if (batch.maxTimestamp < query.timestampMs || batch.lastOffset < query.startOffset) return undefined;
      candidate = copyOf(batch);
      return stop;
    });
    if (chain === undefined && place.position > 0) return indexLies;
    if (end.problem !== undefined) throw corruptLog(segment.log.path, end.position, end.problem);
    if (candidate === undefined) return undefined;
    const found = await firstRecord(new BatchView(candidate), query);
    if (found !== undefined) return found;
    from = end.position + candidate.length;
  }
  return place.position > 0 && chain === undefined ? indexLies : undefined;
}

const indexLies = Symbol('the index points at another batch');

async function firstRecord(batch: BatchView, query: TimestampQuery): Promise<TimestampedOffset | undefined> {
  const { timestampMs, startOffset } = query;
  const { leaderEpoch } = batch;
  try {
    await loadCompression(batch.compression);
    const records = RecordCursor.over(batch, { maxDecompressedBytes });
    while (records.next()) {
      if (records.timestampMs >= timestampMs && records.offset >= startOffset) {
        return { offset: records.offset, timestampMs: records.timestampMs, leaderEpoch };
      }
    }
    return undefined;
  } catch {
    // Its bytes are what its producer sent, and they do not make sense: whoever reads the batch is told so. Here, not
    // to skip what may be asked for is the best that can be said.
    return { offset: Math.max(batch.baseOffset, startOffset), timestampMs: batch.maxTimestamp, leaderEpoch };
  }
}
