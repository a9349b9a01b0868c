/**
 * Scans a segment from what is known to be synced to its end, and makes its counts and its indexes anew on the way.
 */
import { BatchChain } from '../log/batch-chain.js';
import { noteEpoch } from './epoch-recovery.js';
import type { LeaderEpochHistory } from '../epoch/leader-epoch-history.js';
import { scanBatches, type ScanEnd } from '../segment/scan-batches.js';
import type { Segment, SegmentPlace } from '../segment/segment.js';

export interface SegmentScan {
  readonly allowsGaps: boolean;
  /** Of the batches before; those found are added. */
  readonly epochs: LeaderEpochHistory;
}

const indexLies = 'the index points at another batch';
const largestRelative = 2 ** 31 - 1;

/** Where the good part ends, and what lies there instead of a batch. `segment` then counts that part. */
export async function recoverSegment(segment: Segment, place: SegmentPlace, scan: SegmentScan): Promise<ScanEnd> {
  const end = await scanFrom(segment, place, scan);
  if (end.problem !== indexLies) return end;
  return scanFrom(segment, restarted(segment), scan);
}

/**
 * The last place below `trustedOffset` that the indexes know, when they are what they should be; the beginning when
 * not. `segment` then ends there.
 */
export async function trustedPlace(segment: Segment, trustedOffset: number): Promise<SegmentPlace> {
  const isUsable =
    trustedOffset > segment.baseOffset &&
    segment.adopt(segment.baseOffset) &&
    segment.offsetIndex.isInOrder(largestRelative, segment.log.sizeBytes() - 1) &&
    segment.timeIndex.isInOrder(Number.MAX_SAFE_INTEGER, largestRelative);
  if (!isUsable) return restarted(segment);
  const place = segment.rewindTo(trustedOffset);
  return (await segment.isTimeIndexTrue()) ? place : restarted(segment);
}

export function restarted(segment: Segment): SegmentPlace {
  segment.restart();
  return { position: 0, lastOffset: undefined };
}

async function scanFrom(segment: Segment, place: SegmentPlace, scan: SegmentScan): Promise<ScanEnd> {
  const { epochs, allowsGaps } = scan;
  const range = { from: place.position, to: segment.log.sizeBytes() };
  let chain: BatchChain | undefined;
  const end = await scanBatches(segment.log, range, { verifyCrc: true }, (batch) => {
    if (chain === undefined) {
      if (place.lastOffset !== undefined && batch.lastOffset !== place.lastOffset) return indexLies;
      epochs.truncateFromEnd(place.position === 0 ? segment.baseOffset : batch.baseOffset);
      const rules = { allowsGaps, epochAt: () => -1 };
      chain = new BatchChain(rules, place.position === 0 ? segment.baseOffset : batch.baseOffset);
    }
    const problem = chain.add(batch) ?? noteEpoch(epochs, batch);
    if (problem !== undefined) return problem;
    if (batch.lastOffset - segment.baseOffset > largestRelative) return `offset ${batch.lastOffset}, too far from the segment's first`;
    segment.note(batch);
    return undefined;
  });
  // The entry promised a batch, and there is not even one.
  if (chain === undefined && place.position > 0) return { position: place.position, problem: indexLies };
  return end;
}
