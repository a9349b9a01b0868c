/**
 * Scans a segment from what is known to be synced to its end, and makes its counts and its indexes anew on the way.
 */
import { BatchChain } from '../log/batch-chain.js';
import { noteEpoch } from './epoch-recovery.js';
import type { EpochEntry, LeaderEpochHistory } from '../epoch/leader-epoch-history.js';
import { scanBatches, stop, type ScanEnd } from '../segment/scan-batches.js';
import type { Segment, SegmentPlace } from '../segment/segment.js';

export interface SegmentScan {
  readonly allowsGaps: boolean;
  /** Of the batches before; those found are added. */
  readonly epochs: LeaderEpochHistory;
  /** What the batches must have; undefined when nothing was saved. */
  readonly savedEpochs: LeaderEpochHistory | undefined;
  /** What they may have instead: epochs that began, and were not saved before the process ended. */
  readonly journaledEpochs: readonly EpochEntry[];
  /** What lies above is in the page cache, and perhaps not on the disk. */
  readonly syncedOffset: number;
}

const largestRelative = 2 ** 31 - 1;
const pieceBytes = 64 * 1024;

/**
 * The last place below `trustedOffset` that the indexes know; `segment` then ends there. Undefined when the indexes are
 * not what they should be.
 */
export async function trustedPlace(segment: Segment, trustedOffset: number): Promise<SegmentPlace | undefined> {
  if (!segment.adopt(segment.baseOffset) || !segment.areIndexesInOrder()) return undefined;
  if (!(await segment.canRewindTo(trustedOffset))) return undefined;
  const place = segment.rewindTo(trustedOffset);
  const isTrue = (await segment.isTimeIndexTrue()) && (await isBatchAt(segment, place));
  return isTrue ? place : undefined;
}

async function isBatchAt(segment: Segment, { position, lastOffset }: SegmentPlace): Promise<boolean> {
  if (lastOffset === undefined) return true;
  let isThere = false;
  const range = { from: position, to: segment.log.sizeBytes() };
  await scanBatches(segment.log, range, { verifyCrc: true, pieceBytes }, (batch) => {
    isThere = batch.lastOffset === lastOffset;
    return stop;
  });
  return isThere;
}

export interface RecoveredSegment extends ScanEnd {
  /** Where the first batch begins that is not known to be synced; undefined when all are. */
  readonly unsyncedFrom: number | undefined;
  /** Offset of the first batch whose epoch only the journal has, which is not synced; undefined when there is none. */
  readonly unsavedFrom: number | undefined;
}

/** Scans from `place`, which is where `segment` ends for now. Returns where the good part ends, and what lies there. */
export async function recoverSegment(
  segment: Segment,
  place: SegmentPlace,
  scan: SegmentScan,
): Promise<RecoveredSegment> {
  const { epochs, allowsGaps } = scan;
  const range = { from: place.position, to: segment.log.sizeBytes() };
  let chain: BatchChain | undefined;
  let unsyncedFrom: number | undefined;
  let unsavedFrom: number | undefined;
  const end = await scanBatches(segment.log, range, { verifyCrc: true }, (batch, position) => {
    if (chain === undefined) {
      const firstOffset = place.position === 0 ? segment.baseOffset : batch.baseOffset;
      epochs.truncateFromEnd(firstOffset);
      chain = new BatchChain({ allowsGaps, epochAt: (offset, claimed) => epochOf(scan, offset, claimed) }, firstOffset);
    }
    const problem = chain.add(batch) ?? noteEpoch(epochs, batch);
    if (problem !== undefined) return problem;
    const relative = batch.lastOffset - segment.baseOffset;
    if (relative > largestRelative) return `a batch that ends ${relative} offsets after the segment's first`;
    if (batch.lastOffset >= scan.syncedOffset) unsyncedFrom ??= position;
    const { savedEpochs } = scan;
    if (savedEpochs !== undefined && savedEpochs.epochAt(batch.baseOffset) !== batch.leaderEpoch)
      unsavedFrom ??= batch.baseOffset;
    segment.note(batch);
    return undefined;
  });
  return { ...end, unsyncedFrom, unsavedFrom };
}

/** What the batch at an offset must have as its leader epoch, given what it claims. */
function epochOf({ savedEpochs, journaledEpochs }: SegmentScan, offset: number, claimed: number): number | undefined {
  const isVouchedFor = journaledEpochs.some(({ epoch, startOffset }) => epoch === claimed && startOffset <= offset);
  return isVouchedFor ? claimed : savedEpochs?.epochAt(offset);
}
